/* SELECT, EXAMINE, CLOSE, UNSELECT; with CONDSTORE and QRESYNC (RFC 7162). */
#include "imap/session_internal.h"

#include "base/alloc.h"
#include "mail/change.h"

/* What a client with an old copy says of it. */
struct known {
	bool given;
	uint32_t uid_validity;
	uint64_t modseq;
	struct mail_set uids; /* empty: all */
};

static bool parse_seq_match(struct imap_parser *p)
{
	struct slice seqs, uids;
	/* Only an optimisation for servers that forgot their tombstones; ours are kept. */
	return imap_char(p, '(') && imap_set_text(p, &seqs) && imap_space(p) &&
	       imap_set_text(p, &uids) && imap_char(p, ')');
}

static bool parse_qresync(struct imap_parser *p, struct known *known)
{
	struct slice uids;
	if (!imap_space(p) || !imap_char(p, '(') || !imap_number(p, &known->uid_validity) ||
		!imap_space(p) || !imap_number64(p, &known->modseq))
		return false;
	known->given = true;
	if (imap_skip(p, ' ')) {
		if (!imap_at(p, '(')) {
			if (!imap_set_text(p, &uids))
				return false;
			if (!mail_set_parse(&known->uids, uids, UINT32_MAX))
				return imap_expected(p, "a set of UIDs");
			if (imap_skip(p, ' ') && !parse_seq_match(p))
				return false;
		} else if (!parse_seq_match(p)) {
			return false;
		}
	}
	return imap_char(p, ')');
}

static bool parse_options(
	struct imap_session *s, struct imap_parser *p, unsigned *enable, struct known *known)
{
	if (!imap_skip(p, ' '))
		return true;
	if (!imap_char(p, '('))
		return false;
	do {
		if (imap_word(p, "CONDSTORE")) {
			*enable |= IMAP_CONDSTORE;
		} else if (imap_word(p, "QRESYNC")) {
			if (!imap_has(s, IMAP_QRESYNC))
				return imap_expected(p, "ENABLE QRESYNC before");
			if (!parse_qresync(p, known))
				return false;
		} else {
			return imap_expected(p, "CONDSTORE or QRESYNC");
		}
	} while (imap_skip(p, ' '));
	return imap_char(p, ')');
}

static void tell_changed(struct imap_session *s, const struct known *known)
{
	const struct imap_selected *box = s->selected;
	for (uint32_t seq = 1; seq <= mail_view_count(box->view); seq++) {
		const struct mail_row *row = mail_view_row(box->view, seq);
		if (row->modseq <= known->modseq ||
			(known->uids.count > 0 && !mail_set_has(&known->uids, row->uid)))
			continue;
		struct buf *out = imap_out(s);
		buf_printf(out, "* %u FETCH (UID %u FLAGS ", seq, row->uid);
		imap_write_flags(out, row->flags, mail_view_keywords(box->view, row->keywords),
			row->uid >= box->recent_from && !imap_has(s, IMAP_REV2));
		buf_printf(out, " MODSEQ (%llu))\r\n", (unsigned long long)row->modseq);
	}
}

static void tell_mailbox(struct imap_session *s, const struct mail_mailbox *mailbox)
{
	struct imap_selected *box = s->selected;
	uint32_t count = mail_view_count(box->view);
	bool rev2 = imap_has(s, IMAP_REV2);
	struct mail_keywords keywords;
	uint8_t system = MAIL_ANSWERED | MAIL_FLAGGED | MAIL_DELETED | MAIL_SEEN | MAIL_DRAFT;
	imap_write_keywords_news(s, box->view);
	if (box->told.count == 0)
		net_write_str(
			s->net, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n");
	net_printf(s->net, "* %u EXISTS\r\n", count);
	if (!rev2) {
		net_printf(s->net, "* %u RECENT\r\n",
			count + 1 - mail_view_seq_from(box->view, box->recent_from));
		uint32_t unseen = mail_view_first_unseen(box->view);
		if (unseen)
			net_printf(s->net, "* OK [UNSEEN %u] First unseen\r\n", unseen);
	}
	net_printf(
		s->net, "* OK [UIDVALIDITY %u] UIDs valid\r\n", mail_view_uid_validity(box->view));
	net_printf(s->net, "* OK [UIDNEXT %u] Next UID\r\n", mail_view_uid_next(box->view));
	struct buf *out = imap_out(s);
	mail_view_all_keywords(box->view, &s->arena, &keywords);
	buf_add_str(out, "* OK [PERMANENTFLAGS ");
	if (box->read_only) {
		buf_add_str(out, "()");
	} else {
		imap_write_flags(out, system, &keywords, false);
		out->len--; /* "\*": new keywords may be made */
		buf_add_str(out, " \\*)");
	}
	buf_add_str(out, "] Flags that stay\r\n");
	buf_printf(out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n",
		(unsigned long long)mail_view_change(box->view));
	char id[ID_TEXT_SIZE + 1];
	id_to_text(box->mailbox, id);
	buf_printf(out, "* OK [MAILBOXID (%s)] Ok\r\n", id);
	if (rev2) {
		buf_add_str(out, "* LIST () \"/\" ");
		imap_write_mailbox(s, mailbox->name);
		buf_add_str(imap_out(s), "\r\n");
	}
}

static enum imap_run select_mailbox(struct imap_session *s, const struct mail_mailbox *mailbox,
	bool read_only, const struct known *known)
{
	struct mail_view *view;
	struct err err;
	int r = mail_view_open(imap_mail(s), imap_account(s), mailbox->id, &view, &err);
	if (r == MAIL_ABSENT)
		return imap_no(s, "NONEXISTENT", "No such mailbox");
	if (r < 0)
		return imap_failed(s, &err);
	imap_catch_up(s);
	struct imap_selected *box = ALLOC(struct imap_selected);
	box->mailbox = mailbox->id;
	box->view = view;
	box->all_told = mail_view_change(view);
	box->read_only = read_only;
	box->recent_from = mail_recent_from(
		imap_mail(s), imap_account(s), mailbox->id, mail_view_uid_next(view), !read_only);
	s->selected = box;
	s->state = IMAP_SELECTED;
	tell_mailbox(s, mailbox);
	if (known->given && known->uid_validity == mail_view_uid_validity(view)) {
		imap_tell_vanished(s, known->modseq, known->uids.count ? &known->uids : NULL);
		tell_changed(s, known);
	}
	return imap_ok(s, read_only ? "READ-ONLY" : "READ-WRITE", "Selected");
}

static enum imap_run select_or_examine(
	struct imap_session *s, struct imap_parser *p, bool read_only)
{
	struct slice name;
	struct known known = {0};
	unsigned enable = 0;
	struct mail_mailbox mailbox;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &name) || !parse_options(s, p, &enable, &known) ||
		!imap_end(p)) {
		mail_set_free(&known.uids);
		return imap_bad(s, p);
	}
	/* Whatever comes of it, the mailbox before is closed (RFC 9051 section 6.3.2). */
	if (s->selected) {
		imap_unselect(s);
		net_write_str(s->net, "* OK [CLOSED] Closed the mailbox before\r\n");
	}
	(void)imap_enable(s, enable);
	imap_catch_up(s);
	int r = mail_mailbox_find(imap_mail(s), imap_account(s), name, &s->arena, &mailbox, &err);
	enum imap_run run;
	if (r < 0)
		run = imap_failed(s, &err);
	else if (r == MAIL_ABSENT)
		run = imap_no(s, "NONEXISTENT", "No such mailbox");
	else
		run = select_mailbox(s, &mailbox, read_only, &known);
	mail_set_free(&known.uids);
	return run;
}

enum imap_run imap_cmd_select(struct imap_session *s, struct imap_parser *p)
{
	return select_or_examine(s, p, false);
}

enum imap_run imap_cmd_examine(struct imap_session *s, struct imap_parser *p)
{
	return select_or_examine(s, p, true);
}

enum imap_run imap_cmd_unselect(struct imap_session *s, struct imap_parser *p)
{
	if (!imap_end(p))
		return imap_bad(s, p);
	imap_unselect(s);
	return imap_ok(s, NULL, "Closed");
}

/* Expunges without telling (RFC 9051 section 6.4.1). */
enum imap_run imap_cmd_close(struct imap_session *s, struct imap_parser *p)
{
	struct err err;
	uint64_t change;
	if (!imap_end(p))
		return imap_bad(s, p);
	if (!s->selected->read_only) {
		struct mail_set gone = {0};
		int r = mail_expunge(imap_mail(s), imap_account(s), s->selected->mailbox, NULL,
			false, &gone, &change, &err);
		mail_set_free(&gone);
		if (r < 0)
			return imap_failed(s, &err);
	}
	imap_unselect(s);
	return imap_ok(s, NULL, "Closed");
}
