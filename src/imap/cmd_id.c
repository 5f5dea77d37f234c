/* ID (RFC 2971). What the client says is logged, since it helps when something goes wrong; a front
 * end of ours says so who its client is, before the login. */
#include "imap/session_internal.h"

#include "imap/id.h"

static enum imap_run refuse(struct imap_session *s, const char *text)
{
	net_printf(s->net, "* BYE %s\r\n", text);
	(void)imap_no(s, "UNAVAILABLE", text);
	return IMAP_CLOSE;
}

static enum imap_run answer(struct imap_session *s, const struct imap_id *id)
{
	struct net_origin origin;
	bool believed = id->has_origin && s->state == IMAP_LOGIN && net_is_front_end(s->net);
	if (believed && !net_origin_read(&id->origin, &origin))
		return imap_bad_text(s, "Malformed address, port, session or TTL");
	if (believed)
		switch (net_origin_take(s->net, &origin)) {
		case NET_ORIGIN_LOOP:
			return refuse(s, "Too many proxies pass this client on");
		case NET_ORIGIN_MANY:
			return refuse(s, "Too many connections from this address");
		case NET_ORIGIN_TAKEN:
			break;
		}
	log_info(net_log(s->net), believed ? "a front end passes on a client" : "client",
		F_SLICE("id", buf_slice(&id->said)));
	net_write_str(
		s->net, "* ID (\"name\" \"Rookery\" \"version\" \"" ROOKERY_VERSION "\")\r\n");
	return imap_ok(s, NULL, "Done");
}

enum imap_run imap_cmd_id(struct imap_session *s, struct imap_parser *p)
{
	struct imap_id id = {0};
	enum imap_run r = imap_space(p) && imap_parse_id(p, &id) ? answer(s, &id) : imap_bad(s, p);
	buf_free(&id.said);
	return r;
}
