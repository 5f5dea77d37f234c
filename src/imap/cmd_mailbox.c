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

/* A client of IMAP4rev2 that named a mailbox in another form than it has here (not composed) is
 * told the right one (RFC 9051 sections 5.1, 6.3.6, 6.3.9.7). */
static void tell_right_name(
	struct imap_session *s, const char *attribute, struct slice name, struct slice given)
{
	buf_printf(imap_out(s), "* LIST (%s) \"/\" ", attribute);
	imap_write_mailbox(s, name);
	buf_add_str(imap_out(s), " (\"OLDNAME\" (");
	imap_write_mailbox(s, given);
	buf_add_str(imap_out(s), "))\r\n");
}

/* Others would not know what they read. */
static bool has_other_form(struct imap_session *s, struct slice given, struct slice *ret_name)
{
	return imap_has(s, IMAP_REV2) && mail_name_check(given, &s->arena, ret_name, NULL) == 0 &&
	       !slice_eq(given, *ret_name);
}

enum imap_run imap_cmd_create(struct imap_session *s, struct imap_parser *p)
{
	struct slice name, right;
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
	if (has_other_form(s, name, &right))
		tell_right_name(s, "", right, name);
	return imap_ok(s, arena_printf(&s->arena, "MAILBOXID (%s)", id), "Created");
}

enum imap_run imap_cmd_delete(struct imap_session *s, struct imap_parser *p)
{
	struct slice name, right;
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
	if (has_other_form(s, name, &right))
		tell_right_name(s, "\\NonExistent", right, name);
	return imap_ok(s, NULL, "Deleted");
}

/* INBOX stays where it is: then the other form is that of the new name, as at CREATE. */
static void tell_renamed(struct imap_session *s, struct slice from, struct slice to)
{
	struct slice right_from, right_to;
	bool other_from = has_other_form(s, from, &right_from);
	bool other_to = has_other_form(s, to, &right_to);
	if (other_from || other_to)
		tell_right_name(s, "", right_to, slice_eq(from, SLICE("INBOX")) ? to : from);
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
	tell_renamed(s, from, to);
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
