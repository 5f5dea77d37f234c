/* XCLIENT at the server: a front end of ours passes a client on, and from then on the session is
 * that client's own. What it says of the client's names is not believed but asked of the DNS, as of
 * any client. */
#include "smtp/session_internal.h"

#include "base/alloc.h"
#include "envelope/xclient.h"

static bool read_port(struct slice text, uint16_t *ret_port)
{
	uint64_t port = 0;
	bool good = text.len == 0 || slice_to_u64(text, UINT16_MAX, &port);
	*ret_port = (uint16_t)port;
	return good;
}

bool smtp_read_ip(struct slice ip, uint16_t port, struct net_address *ret_address)
{
	char text[NET_ADDRESS_TEXT];
	bool v6 = slice_find(ip, ':') >= 0;
	(void)snprintf(text, sizeof(text), v6 ? "[%.*s]:%u" : "%.*s:%u", SLICE_ARG(ip), port);
	if (ip.len >= 64 || slice_find(ip, '*') >= 0 || slice_find(ip, '/') >= 0 ||
		net_address_parse(slice_str(text), ret_address, NULL) < 0)
		return false;
	net_address_normalise(ret_address);
	return true;
}

/* An address that is to be replaced; what is not known can't be, since who it is decides what is
 * asked of him. */
static bool read_address(const struct envelope_xclient *x, enum envelope_xclient_attribute addr,
	enum envelope_xclient_attribute port, struct net_address *ret_address)
{
	uint16_t number;
	return read_port(x->is[port].text, &number) &&
	       (!x->is[addr].given || smtp_read_ip(x->is[addr].text, number, ret_address));
}

static bool is_protocol(struct slice text)
{
	return text.len == 0 || slice_eq_nocase(text, SLICE("ESMTP")) ||
	       slice_eq_nocase(text, SLICE("SMTP"));
}

static void replace(char **to, struct slice text)
{
	free(*to);
	*to = text.len > 0 ? slice_dup(text) : NULL;
}

static void become(struct smtp_session *s, const struct envelope_xclient *x,
	const struct net_address *client, const struct net_address *destination)
{
	struct slice user = x->is[ENVELOPE_XCLIENT_LOGIN].text;
	if (x->is[ENVELOPE_XCLIENT_ADDR].given)
		net_set_peer(s->net, client);
	if (x->is[ENVELOPE_XCLIENT_DESTADDR].given)
		net_set_local(s->net, destination);
	if (x->is[ENVELOPE_XCLIENT_HELO].given)
		replace(&s->client_helo, x->is[ENVELOPE_XCLIENT_HELO].text);
	if (x->is[ENVELOPE_XCLIENT_PROTO].given)
		s->client_is_plain =
			slice_eq_nocase(x->is[ENVELOPE_XCLIENT_PROTO].text, SLICE("SMTP"));
	if (x->is[ENVELOPE_XCLIENT_LOGIN].given) {
		replace(&s->user, user);
		for (char *c = s->user; c && *c; c++)
			*c = slice_lower(*c);
		net_log_tag(s->net, "user", slice_str(s->user));
	}
}

enum smtp_run smtp_cmd_xclient(struct smtp_session *s, struct slice arguments)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	struct net_address client, destination;
	if (!smtp_xclient_offered(s))
		return smtp_reply(s, 550, "5.7.0", "You may not speak for others");
	if (s->transaction)
		return smtp_reply(s, 503, "5.5.1", "A transaction is open");
	if (!envelope_parse_xclient(arguments, &arena, &x) ||
		!is_protocol(x.is[ENVELOPE_XCLIENT_PROTO].text))
		return smtp_reply(s, 501, "5.5.4", "Unknown or malformed attribute");
	if (!read_address(&x, ENVELOPE_XCLIENT_ADDR, ENVELOPE_XCLIENT_PORT, &client) ||
		!read_address(
			&x, ENVELOPE_XCLIENT_DESTADDR, ENVELOPE_XCLIENT_DESTPORT, &destination))
		return smtp_reply(s, 501, "5.5.4", "ADDR must be an IP address, PORT a number");
	struct slice helo = x.is[ENVELOPE_XCLIENT_HELO].text;
	if (helo.len > 0 && !envelope_is_domain(helo))
		return smtp_reply(s, 501, "5.5.4", "HELO must be a domain or an address literal");
	become(s, &x, &client, &destination);
	smtp_greet_anew(s);
	log_info(net_log(s->net), "a front end passes on a client");
	return SMTP_GO_ON;
}

bool smtp_xclient_offered(const struct smtp_session *s)
{
	return s->is_front_end && !smtp_is_lmtp(s);
}

void smtp_xclient_end(struct smtp_session *s)
{
	free(s->client_helo);
	s->client_helo = NULL;
}
