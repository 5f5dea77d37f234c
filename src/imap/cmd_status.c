/* STATUS: counters that are kept exact, so no mailbox is opened; but for DELETED-STORAGE, which is
 * seldom asked for. */
#include "imap/status_internal.h"

enum item {
	MESSAGES = 1,
	UIDNEXT = 2,
	UIDVALIDITY = 4,
	UNSEEN = 8,
	DELETED = 16,
	SIZE = 32,
	HIGHESTMODSEQ = 64,
	MAILBOXID = 128,
	RECENT = 256,
	APPENDLIMIT = 512,
	DELETED_STORAGE = 1024,
};

static const struct {
	const char *name;
	enum item item;
} ITEMS[] = {
	{"MESSAGES", MESSAGES},
	{"RECENT", RECENT},
	{"UIDNEXT", UIDNEXT},
	{"UIDVALIDITY", UIDVALIDITY},
	{"UNSEEN", UNSEEN},
	{"DELETED", DELETED},
	{"DELETED-STORAGE", DELETED_STORAGE},
	{"SIZE", SIZE},
	{"HIGHESTMODSEQ", HIGHESTMODSEQ},
	{"MAILBOXID", MAILBOXID},
	{"APPENDLIMIT", APPENDLIMIT},
};

bool imap_status_items(struct imap_parser *p, unsigned *ret_items)
{
	*ret_items = 0;
	if (!imap_char(p, '('))
		return false;
	do {
		size_t i = 0;
		while (i < ARRAY_LEN(ITEMS) && !imap_word(p, ITEMS[i].name))
			i++;
		if (i == ARRAY_LEN(ITEMS))
			return imap_expected(p, "a STATUS item");
		*ret_items |= ITEMS[i].item;
	} while (imap_skip(p, ' '));
	return imap_char(p, ')');
}

/* Bytes that EXPUNGE would free (RFC 9208 section 4.1.4). */
static uint64_t deleted_storage(struct imap_session *s, const struct mail_mailbox *m)
{
	struct mail_view *view;
	struct err err;
	uint64_t bytes = 0;
	if (m->deleted == 0)
		return 0;
	int r = mail_view_open(imap_mail(s), imap_account(s), m->id, &view, &err);
	if (r < 0)
		log_warn(net_log(s->net), "mailbox can't be looked into", F_ERR(&err));
	if (r != 0)
		return 0;
	for (uint32_t seq = 1; seq <= mail_view_count(view); seq++) {
		const struct mail_row *row = mail_view_row(view, seq);
		bytes += row->flags & MAIL_DELETED ? row->size : 0;
	}
	mail_view_unref(view);
	return bytes;
}

static uint64_t value_of(struct imap_session *s, const struct mail_mailbox *m, enum item item)
{
	switch (item) {
	case MESSAGES:
		return m->messages;
	case UIDNEXT:
		return m->uid_next;
	case UIDVALIDITY:
		return m->uid_validity;
	case UNSEEN:
		return m->unseen;
	case DELETED:
		return m->deleted;
	case SIZE:
		return m->bytes;
	case HIGHESTMODSEQ:
		return m->change;
	case DELETED_STORAGE:
		return deleted_storage(s, m);
	case APPENDLIMIT:
		return mail_message_max(imap_mail(s));
	case RECENT: {
		uint32_t from =
			mail_recent_from(imap_mail(s), imap_account(s), m->id, m->uid_next, false);
		return MIN((uint64_t)(m->uid_next - from), m->messages);
	}
	default:
		return 0;
	}
}

void imap_write_status(struct imap_session *s, const struct mail_mailbox *mailbox, unsigned items)
{
	buf_add_str(imap_out(s), "* STATUS ");
	imap_write_mailbox(s, mailbox->name);
	struct buf *out = imap_out(s);
	const char *gap = " (";
	for (size_t i = 0; i < ARRAY_LEN(ITEMS); i++) {
		if (!(items & ITEMS[i].item))
			continue;
		buf_printf(out, "%s%s ", gap, ITEMS[i].name);
		gap = " ";
		if (ITEMS[i].item == MAILBOXID) {
			char id[ID_TEXT_SIZE + 1];
			id_to_text(mailbox->id, id);
			buf_printf(out, "(%s)", id);
		} else {
			buf_add_u64(out, value_of(s, mailbox, ITEMS[i].item));
		}
	}
	buf_add_str(out, ")\r\n");
}

enum imap_run imap_cmd_status(struct imap_session *s, struct imap_parser *p)
{
	struct slice name;
	unsigned items;
	struct mail_mailbox mailbox;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &name) || !imap_space(p) ||
		!imap_status_items(p, &items) || !imap_end(p))
		return imap_bad(s, p);
	if (items & HIGHESTMODSEQ)
		(void)imap_enable(s, IMAP_CONDSTORE); /* RFC 7162 section 3.1 */
	imap_catch_up(s);
	int r = mail_mailbox_find(imap_mail(s), imap_account(s), name, &s->arena, &mailbox, &err);
	imap_catch_up(s);
	if (r == MAIL_ABSENT)
		return imap_no(s, "NONEXISTENT", "No such mailbox");
	if (r < 0)
		return imap_failed(s, &err);
	imap_write_status(s, &mailbox, items);
	return imap_ok(s, NULL, "Done");
}
