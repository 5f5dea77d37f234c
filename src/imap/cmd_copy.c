/* COPY, MOVE (RFC 6851), EXPUNGE and UID EXPUNGE; UIDs told as RFC 4315 says. */
#include "imap/session_internal.h"
#include "mail/change.h"

/* "COPYUID 38505 304,319:320 3956:3958"; NULL when nothing was copied. */
static const char *copyuid(
	struct imap_session *s, const uint32_t *from, size_t count, const struct mail_added *added)
{
	AUTO(buf_free) struct buf text = BUF(SIZE_MAX);
	struct mail_set source = {0}, target = {0};
	if (count == 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		mail_set_add(&source, from[i], from[i]);
	mail_added_set(added, count, &target);
	buf_printf(&text, "COPYUID %u ", added->uid_validity);
	mail_set_write(&source, &text);
	buf_add_byte(&text, ' ');
	mail_set_write(&target, &text);
	mail_set_free(&source);
	mail_set_free(&target);
	return arena_copy(&s->arena, buf_slice(&text)).ptr;
}

static enum imap_run copy_to(struct imap_session *s, const struct mail_set *uids,
	const struct mail_mailbox *target, bool move)
{
	struct mail_limits limits;
	struct mail_added added;
	uint32_t *from = NULL;
	size_t count = 0;
	struct err err;
	if (imap_limits(s, &limits, &err) < 0 ||
		mail_copy(imap_mail(s), imap_account(s), s->selected->mailbox, uids, target->id,
			move, &limits, &from, &count, &added, &err) < 0)
		return imap_failed(s, &err);
	const char *code = copyuid(s, from, count, &added);
	free(from);
	if (!move)
		return imap_ok(s, code, count ? "Copied" : "Nothing to copy");
	/* Before the EXPUNGEs (RFC 6851 section 4.3). */
	if (code)
		net_printf(s->net, "* OK [%s] Moved\r\n", code);
	return imap_ok(s, NULL, count ? "Moved" : "Nothing to move");
}

static enum imap_run copy_or_move(struct imap_session *s, struct imap_parser *p, bool move)
{
	struct mail_set uids = {0};
	struct slice name;
	struct mail_mailbox target;
	struct err err;
	enum imap_run run;
	s->keep_expunged = !s->by_uid && !move;
	if (!imap_space(p) || !imap_message_set(s, p, &uids) || !imap_space(p) ||
		!imap_mailbox(p, &name) || !imap_end(p)) {
		mail_set_free(&uids);
		return imap_bad(s, p);
	}
	int r = mail_mailbox_find(imap_mail(s), imap_account(s), name, &s->arena, &target, &err);
	if (r < 0)
		run = imap_failed(s, &err);
	else if (r == MAIL_ABSENT)
		run = imap_no(s, "TRYCREATE", "No such mailbox");
	else
		run = copy_to(s, &uids, &target, move);
	mail_set_free(&uids);
	return run;
}

enum imap_run imap_cmd_copy(struct imap_session *s, struct imap_parser *p)
{
	return copy_or_move(s, p, false);
}

enum imap_run imap_cmd_move(struct imap_session *s, struct imap_parser *p)
{
	return copy_or_move(s, p, true);
}

enum imap_run imap_cmd_expunge(struct imap_session *s, struct imap_parser *p)
{
	struct mail_set uids = {0}, gone = {0};
	uint64_t change = 0;
	struct err err;
	bool good = !s->by_uid || (imap_space(p) && imap_message_set(s, p, &uids));
	if (!good || !imap_end(p)) {
		mail_set_free(&uids);
		return imap_bad(s, p);
	}
	int r = mail_expunge(imap_mail(s), imap_account(s), s->selected->mailbox,
		s->by_uid ? &uids : NULL, false, &gone, &change, &err);
	const char *code = NULL;
	if (r == 0 && gone.count > 0 && imap_has(s, IMAP_CONDSTORE))
		code = arena_printf(&s->arena, "HIGHESTMODSEQ %llu", (unsigned long long)change);
	mail_set_free(&uids);
	mail_set_free(&gone);
	return r < 0 ? imap_failed(s, &err) : imap_ok(s, code, "Expunged");
}
