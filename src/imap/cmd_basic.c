/* Commands that need no mailbox: CAPABILITY, NOOP, LOGOUT, ENABLE, NAMESPACE, STARTTLS. */
#include "imap/session_internal.h"

enum imap_run imap_cmd_capability(struct imap_session *s, struct imap_parser *p)
{
	if (!imap_end(p))
		return imap_bad(s, p);
	buf_add_str(imap_out(s), "* CAPABILITY ");
	imap_write_capabilities(s, imap_out(s));
	buf_add_str(imap_out(s), "\r\n");
	return imap_ok(s, NULL, "Done");
}

enum imap_run imap_cmd_noop(struct imap_session *s, struct imap_parser *p)
{
	return imap_end(p) ? imap_ok(s, NULL, "Done") : imap_bad(s, p);
}

enum imap_run imap_cmd_check(struct imap_session *s, struct imap_parser *p)
{
	return imap_cmd_noop(s, p);
}

enum imap_run imap_cmd_logout(struct imap_session *s, struct imap_parser *p)
{
	if (!imap_end(p))
		return imap_bad(s, p);
	imap_unselect(s);
	net_write_str(s->net, "* BYE Good bye\r\n");
	(void)imap_ok(s, NULL, "Logged out");
	return IMAP_CLOSE;
}

static const struct {
	const char *name;
	unsigned bit;
} ENABLES[] = {
	{"CONDSTORE", IMAP_CONDSTORE},
	{"QRESYNC", IMAP_QRESYNC},
	{"IMAP4rev2", IMAP_REV2},
};

/* RFC 5161: what is not known is ignored. */
enum imap_run imap_cmd_enable(struct imap_session *s, struct imap_parser *p)
{
	unsigned wanted = 0;
	do {
		struct slice name;
		if (!imap_space(p) || !imap_atom(p, &name))
			return imap_bad(s, p);
		for (size_t i = 0; i < ARRAY_LEN(ENABLES); i++)
			if (slice_eq_nocase(name, slice_str(ENABLES[i].name)))
				wanted |= ENABLES[i].bit;
	} while (imap_at(p, ' '));
	if (!imap_end(p))
		return imap_bad(s, p);
	(void)imap_enable(s, wanted);
	net_write_str(s->net, "* ENABLED");
	for (size_t i = 0; i < ARRAY_LEN(ENABLES); i++)
		if (wanted & ENABLES[i].bit)
			net_printf(s->net, " %s", ENABLES[i].name);
	net_write_str(s->net, "\r\n");
	return imap_ok(s, NULL, "Enabled");
}

enum imap_run imap_cmd_namespace(struct imap_session *s, struct imap_parser *p)
{
	if (!imap_end(p))
		return imap_bad(s, p);
	net_write_str(s->net, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return imap_ok(s, NULL, "Done");
}

enum imap_run imap_cmd_starttls(struct imap_session *s, struct imap_parser *p)
{
	if (!imap_end(p))
		return imap_bad(s, p);
	if (!net_tls_offered(s->net))
		return imap_bad_text(s,
			net_is_tls(s->net) ? "TLS is active already" : "There is no certificate");
	(void)imap_ok(s, NULL, "Begin the handshake");
	net_start_tls(s->net);
	return IMAP_DONE;
}
