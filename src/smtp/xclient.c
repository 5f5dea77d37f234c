/* XCLIENT at the server: a front end of ours passes a client on, and from then on the session is
 * that client's own. What it says of the client's names is not believed but asked of the DNS, as of
 * any client. */
#include "smtp/session_internal.h"

#include "base/alloc.h"
#include "envelope/xclient.h"
#include "net/origin.h"

/* An address that is to be replaced; what is not known can't be, since who it is decides what is
 * asked of him. */
static bool read_origin(const struct envelope_xclient *x, struct net_origin *ret_origin)
{
	const struct net_origin_words words = {
		.client = x->is[ENVELOPE_XCLIENT_ADDR].text,
		.client_port = x->is[ENVELOPE_XCLIENT_PORT].text,
		.local = x->is[ENVELOPE_XCLIENT_DESTADDR].text,
		.local_port = x->is[ENVELOPE_XCLIENT_DESTPORT].text,
		.session = x->is[ENVELOPE_XCLIENT_SESSION].text,
		.ttl = x->is[ENVELOPE_XCLIENT_TTL].text,
	};
	return x->is[ENVELOPE_XCLIENT_ADDR].given == (words.client.len > 0) &&
	       x->is[ENVELOPE_XCLIENT_DESTADDR].given == (words.local.len > 0) &&
	       net_origin_read(&words, ret_origin);
}

static bool is_protocol(const struct smtp_session *s, struct slice text)
{
	return text.len == 0 || slice_eq_nocase(text, SLICE("ESMTP")) ||
	       slice_eq_nocase(text, SLICE("SMTP")) ||
	       (smtp_is_lmtp(s) && slice_eq_nocase(text, SLICE("LMTP")));
}

static void replace(char **to, struct slice text)
{
	free(*to);
	*to = text.len > 0 ? slice_dup(text) : NULL;
}

static void become(struct smtp_session *s, const struct envelope_xclient *x)
{
	struct slice user = x->is[ENVELOPE_XCLIENT_LOGIN].text;
	if (x->is[ENVELOPE_XCLIENT_HELO].given)
		replace(&s->client_helo, x->is[ENVELOPE_XCLIENT_HELO].text);
	if (x->is[ENVELOPE_XCLIENT_PROTO].given)
		s->client_is_plain =
			slice_eq_nocase(x->is[ENVELOPE_XCLIENT_PROTO].text, SLICE("SMTP"));
	if (x->is[ENVELOPE_XCLIENT_LOGIN].given) {
		replace(&s->user, user);
		directory_sessions_remove(s->service->sessions, s->presence);
		s->presence = NULL;
		for (char *c = s->user; c && *c; c++)
			*c = slice_lower(*c);
		net_log_tag(s->net, "user", slice_str(s->user));
	}
}

enum smtp_run smtp_cmd_xclient(struct smtp_session *s, struct slice arguments)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	struct net_origin origin;
	if (!smtp_xclient_offered(s))
		return smtp_reply(s, 550, "5.7.0", "You may not speak for others");
	if (s->transaction)
		return smtp_reply(s, 503, "5.5.1", "A transaction is open");
	if (!envelope_parse_xclient(arguments, &arena, &x) ||
		!is_protocol(s, x.is[ENVELOPE_XCLIENT_PROTO].text))
		return smtp_reply(s, 501, "5.5.4", "Unknown or malformed attribute");
	if (!read_origin(&x, &origin))
		return smtp_reply(
			s, 501, "5.5.4", "ADDR must be an IP address, PORT and TTL numbers");
	struct slice helo = x.is[ENVELOPE_XCLIENT_HELO].text;
	if (helo.len > 0 && !envelope_is_domain(helo))
		return smtp_reply(s, 501, "5.5.4", "HELO must be a domain or an address literal");
	switch (net_origin_take(s->net, &origin)) {
	case NET_ORIGIN_LOOP:
		(void)smtp_reply(s, 421, "4.4.6", "Too many proxies pass this client on");
		return SMTP_CLOSE;
	case NET_ORIGIN_MANY:
		(void)smtp_reply(s, 421, "4.7.0", "Too many connections from this address");
		return SMTP_CLOSE;
	case NET_ORIGIN_TAKEN:
		break;
	}
	become(s, &x);
	s->client_ttl = origin.ttl;
	smtp_greet_anew(s);
	log_info(net_log(s->net), "a front end passes on a client");
	return SMTP_GO_ON;
}

bool smtp_xclient_offered(const struct smtp_session *s)
{
	return net_is_front_end(s->net);
}

void smtp_xclient_end(struct smtp_session *s)
{
	free(s->client_helo);
	s->client_helo = NULL;
}
