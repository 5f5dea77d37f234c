/* GETQUOTA and GETQUOTAROOT (RFC 9208): one root, "", for the account. */
#include "imap/session_internal.h"
#include "mail/quota.h"

static int write_quota(struct imap_session *s, struct err *err)
{
	struct mail_limits limits;
	struct mail_usage usage;
	if (imap_limits(s, &limits, err) < 0 ||
		mail_usage(imap_mail(s), imap_account(s), &usage, err) < 0)
		return -1;
	struct buf *out = imap_out(s);
	buf_add_str(out, "* QUOTA \"\" (");
	/* STORAGE counts units of 1,024 octets. */
	if (limits.bytes)
		buf_printf(out, "STORAGE %llu %llu",
			(unsigned long long)((usage.bytes + 1023) / 1024),
			(unsigned long long)((limits.bytes + 1023) / 1024));
	if (limits.messages)
		buf_printf(out, "%sMESSAGE %llu %llu", limits.bytes ? " " : "",
			(unsigned long long)usage.messages, (unsigned long long)limits.messages);
	buf_add_str(out, ")\r\n");
	return 0;
}

enum imap_run imap_cmd_getquota(struct imap_session *s, struct imap_parser *p)
{
	struct slice root;
	struct err err;
	if (!imap_space(p) || !imap_astring(p, &root) || !imap_end(p))
		return imap_bad(s, p);
	if (root.len > 0)
		return imap_no(s, "NONEXISTENT", "No such quota root");
	return write_quota(s, &err) < 0 ? imap_failed(s, &err) : imap_ok(s, NULL, "Done");
}

enum imap_run imap_cmd_getquotaroot(struct imap_session *s, struct imap_parser *p)
{
	struct slice name;
	struct mail_mailbox box;
	struct err err;
	if (!imap_space(p) || !imap_mailbox(p, &name) || !imap_end(p))
		return imap_bad(s, p);
	int r = mail_mailbox_find(imap_mail(s), imap_account(s), name, &s->arena, &box, &err);
	if (r == MAIL_ABSENT)
		return imap_no(s, "NONEXISTENT", "No such mailbox");
	if (r < 0)
		return imap_failed(s, &err);
	buf_add_str(imap_out(s), "* QUOTAROOT ");
	imap_write_mailbox(s, name);
	buf_add_str(imap_out(s), " \"\"\r\n");
	return write_quota(s, &err) < 0 ? imap_failed(s, &err) : imap_ok(s, NULL, "Done");
}
