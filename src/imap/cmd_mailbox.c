/* CREATE (with special use, RFC 6154), DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include "imap/session_internal.h"

/* Uses that are not known are refused by NO, as RFC 6154 section 3 says. */
static bool parse_uses(struct imap_parser *p, unsigned *uses, bool *unknown)
{
	if (!imap_skip(p, ' '))
		return true;
	if (!imap_char(p, '(') || !imap_word(p, "USE") || !imap_space(p) || !imap_char(p, '('))
		return imap_expected(p, "USE and a list");
	if (imap_skip(p, ')'))
		return imap_char(p, ')');
	do {
		struct slice name;
		if (!imap_char(p, '\\') || !imap_atom(p, &name))
			return imap_expected(p, "a special use");
		unsigned use = mail_use_of(slice(name.ptr - 1, name.len + 1));
		*unknown |= use == 0;
		*uses |= use;
	} while (imap_skip(p, ' '));
	if (!imap_char(p, ')'))
		return false;
	return imap_char(p, ')');
}

enum imap_run imap_cmd_create(struct imap_session *s, struct imap_parser *p)
{
	struct slice name;
	unsigned uses = 0;
	bool unknown = false;
	struct mail_mailbox made;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &name) || !parse_uses(p, &uses, &unknown) ||
		!imap_end(p))
		return imap_bad(s, p);
	if (unknown)
		return imap_no(s, "USEATTR", "No such special use here");
	/* A trailing separator only announces that children will come (RFC 9051 section 6.3.4). */
	if (name.len > 1 && name.ptr[name.len - 1] == MAIL_SEPARATOR)
		name.len--;
	if (mail_mailbox_create(imap_mail(s), imap_account(s), name, uses, &s->arena, &made, &err) <
		0)
		return uses && err.class == ERR_PERMANENT && err.kind == ERR_OTHER
			       ? imap_no(s, "USEATTR", arena_printf(&s->arena, "%s", err.text))
			       : imap_failed(s, &err);
	char id[ID_TEXT_SIZE + 1];
	id_to_text(made.id, id);
	return imap_ok(s, arena_printf(&s->arena, "MAILBOXID (%s)", id), "Created");
}

enum imap_run imap_cmd_delete(struct imap_session *s, struct imap_parser *p)
{
	struct slice name;
	struct mail_mailbox mailbox;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &name) || !imap_end(p))
		return imap_bad(s, p);
	int r = mail_mailbox_find(imap_mail(s), imap_account(s), name, &s->arena, &mailbox, &err);
	bool selected = r == 0 && s->selected && id_eq(s->selected->mailbox, mailbox.id);
	if (mail_mailbox_delete(imap_mail(s), imap_account(s), name, &err) < 0)
		return imap_failed(s, &err);
	if (selected) { /* the client knows: no reason to end the session, as for others */
		imap_unselect(s);
		net_write_str(s->net, "* OK [CLOSED] The selected mailbox was deleted\r\n");
	}
	return imap_ok(s, NULL, "Deleted");
}

enum imap_run imap_cmd_rename(struct imap_session *s, struct imap_parser *p)
{
	struct slice from, to;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &from) || !imap_space(p) || !imap_mailbox(p, &to) ||
		!imap_end(p))
		return imap_bad(s, p);
	if (mail_mailbox_rename(imap_mail(s), imap_account(s), from, to, &err) < 0)
		return imap_failed(s, &err);
	return imap_ok(s, NULL, "Renamed");
}

static enum imap_run subscribe(struct imap_session *s, struct imap_parser *p, bool on)
{
	struct slice name;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &name) || !imap_end(p))
		return imap_bad(s, p);
	if (mail_subscribe(imap_mail(s), imap_account(s), name, on, &err) < 0)
		return imap_failed(s, &err);
	return imap_ok(s, NULL, "Done");
}

enum imap_run imap_cmd_subscribe(struct imap_session *s, struct imap_parser *p)
{
	return subscribe(s, p, true);
}

enum imap_run imap_cmd_unsubscribe(struct imap_session *s, struct imap_parser *p)
{
	return subscribe(s, p, false);
}
