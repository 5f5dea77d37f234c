/* The client's half of POP3: the greeting, STLS, CAPA, XCLIENT, the login. */
#include "proxy/pop3.h"

#include "base/base64.h"
#include "proxy/pop3_answer.h"
#include "proxy/say.h"

enum {
	LINE_MAX_BYTES = 4096,
	LINES_MAX = 100,
	COMMAND_MAX = 255, /* RFC 2449 section 4 */
};

static int read_line(struct proxy_link *link, struct slice *ret_line, struct err *err)
{
	if (net_client_read_line(link->net, LINE_MAX_BYTES, ret_line, err) < 0)
		return -1;
	if (memchr(ret_line->ptr, '\0', ret_line->len))
		return err_temporary(err, ERR_BAD_INPUT, "it does not speak POP3");
	return 0;
}

static int expect_ok(
	struct proxy_link *link, const char *to, struct slice *ret_line, struct err *err)
{
	if (read_line(link, ret_line, err) < 0)
		return -1;
	if (proxy_pop3_status(*ret_line) == PROXY_POP3_OK)
		return 0;
	return err_temporary(err, ERR_UNAVAILABLE, "it answers %s by %.*s", to,
		SLICE_ARG(slice_sub(*ret_line, 0, 120)));
}

/* A server that does not know CAPA can't do any of it. */
static int ask_capabilities(struct proxy_link *link, unsigned *traits, struct err *err)
{
	AUTO(buf_free) struct buf lines = BUF(PROXY_CAPABILITIES_MAX);
	struct slice line;
	net_client_write(link->net, SLICE("CAPA\r\n"));
	if (read_line(link, &line, err) < 0)
		return -1;
	if (proxy_pop3_status(line) != PROXY_POP3_OK)
		return 0;
	for (unsigned i = 0; i < LINES_MAX; i++) {
		if (read_line(link, &line, err) < 0)
			return -1;
		if (slice_eq(line, SLICE("."))) {
			proxy_link_announces(link, buf_slice(&lines));
			return 0;
		}
		*traits |= proxy_pop3_traits(line);
		buf_add_slice(&lines, line);
		buf_add_str(&lines, "\r\n");
	}
	return err_temporary(err, ERR_LIMIT, "its CAPA does not come to an end");
}

static void add_address(
	struct buf *to, const char *ip_name, const char *port_name, const struct net_address *a)
{
	char ip[NET_ADDRESS_TEXT];
	uint8_t bytes[16];
	if (!net_address_bytes(a, bytes))
		return;
	net_address_host(a, ip);
	buf_printf(to, " %s=%s %s=%u", ip_name, ip, port_name, net_address_port(a));
}

static void send_client(struct proxy_link *link, const struct proxy_client *client)
{
	AUTO(buf_free) struct buf words = BUF(512);
	add_address(&words, "ADDR", "PORT", client->peer);
	add_address(&words, "DESTADDR", "DESTPORT", client->local);
	proxy_say(link->net, "XCLIENT%s SESSION=%s TTL=%u\r\n", buf_cstr(&words), client->session,
		client->ttl);
}

static int greet(struct proxy_link *link, const struct proxy_client *client, unsigned *traits,
	struct err *err)
{
	struct slice line;
	if (expect_ok(link, "our connection", &line, err) < 0)
		return -1;
	unsigned greeted = proxy_pop3_traits(line) & PROXY_POP3_XCLIENT;
	if (link->wants_tls) {
		net_client_write(link->net, SLICE("STLS\r\n"));
		if (expect_ok(link, "STLS", &line, err) < 0 || proxy_link_start_tls(link, err) < 0)
			return -1;
	}
	*traits = greeted;
	if (ask_capabilities(link, traits, err) < 0)
		return -1;
	if (client && (*traits & PROXY_POP3_XCLIENT)) {
		send_client(link, client);
		*traits |= PROXY_POP3_XCLIENT_SENT;
	}
	return 0;
}

/* Negative: it can't serve this client, or the connection broke. */
static int read_updated(struct proxy_link *link, unsigned traits, struct err *err)
{
	struct slice line;
	if (!(traits & PROXY_POP3_XCLIENT_SENT))
		return 0;
	if (read_line(link, &line, err) < 0)
		return -1;
	if (proxy_pop3_status(line) == PROXY_POP3_OK)
		return 0;
	return err_temporary(
		err, ERR_DENIED, "it answers XCLIENT by %.*s", SLICE_ARG(slice_sub(line, 0, 120)));
}

static int conclude(struct slice line, struct proxy_answer *answer, struct err *err)
{
	enum proxy_pop3_status status = proxy_pop3_status(line);
	if (status != PROXY_POP3_OK && status != PROXY_POP3_ERR)
		return err_temporary(err, ERR_BAD_INPUT, "it does not speak POP3");
	answer->said = proxy_pop3_said(line);
	buf_add_slice(&answer->words, line);
	return 0;
}

static int authenticate(struct proxy_link *link, const struct proxy_credentials *c, unsigned traits,
	struct proxy_answer *answer, struct err *err)
{
	struct slice mechanism = c->token ? c->token->mechanism : SLICE("PLAIN"), line;
	AUTO(proxy_say_wipe) struct buf message = {0};
	proxy_say_sasl(c, &message);
	bool sent = message.len + mechanism.len + sizeof("AUTH  \r\n") <= COMMAND_MAX;
	proxy_say(link->net, "AUTH %.*s%s", SLICE_ARG(mechanism), sent ? " " : "");
	if (sent)
		net_client_write(link->net, buf_slice(&message));
	net_client_write(link->net, SLICE("\r\n"));
	if (read_updated(link, traits, err) < 0)
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		if (read_line(link, &line, err) < 0)
			return -1;
		if (proxy_pop3_status(line) != PROXY_POP3_GO_AHEAD)
			break;
		if (!sent) {
			net_client_write(link->net, buf_slice(&message));
			net_client_write(link->net, SLICE("\r\n"));
			sent = true;
		} else if (c->token) {
			proxy_say(link->net, "%.*s\r\n",
				SLICE_ARG(proxy_say_to_challenge(c, slice_from(line, 2), answer)));
		} else {
			net_client_write(link->net, SLICE("*\r\n"));
		}
	}
	return conclude(line, answer, err);
}

/* For servers that know no PLAIN. */
static int user_pass(struct proxy_link *link, const struct proxy_credentials *c, unsigned traits,
	struct proxy_answer *answer, struct err *err)
{
	struct slice line;
	if (c->master.len > 0 || c->token)
		return err_temporary(
			err, ERR_UNAVAILABLE, "it offers no login that the proxy could use");
	if (!proxy_say_fits_line(c->user) || !proxy_say_fits_line(c->password)) {
		answer->said = PROXY_SAID_NO; /* it can't be said, so it is none */
		return 0;
	}
	if (read_updated(link, traits, err) < 0)
		return -1;
	proxy_say(link->net, "USER %.*s\r\n", SLICE_ARG(c->user));
	if (read_line(link, &line, err) < 0)
		return -1;
	if (proxy_pop3_status(line) == PROXY_POP3_OK) {
		net_client_write(link->net, SLICE("PASS "));
		net_client_write(link->net, c->password);
		net_client_write(link->net, SLICE("\r\n"));
		if (read_line(link, &line, err) < 0)
			return -1;
	}
	return conclude(line, answer, err);
}

static bool can_authenticate(const struct proxy_credentials *c, unsigned traits)
{
	if (!c->token)
		return traits & PROXY_POP3_PLAIN;
	return traits & (slice_eq(c->token->mechanism, SLICE("XOAUTH2")) ? PROXY_POP3_XOAUTH2
									 : PROXY_POP3_OAUTHBEARER);
}

static int login(struct proxy_link *link, const struct proxy_credentials *credentials,
	unsigned traits, struct proxy_answer *answer, struct err *err)
{
	int r = can_authenticate(credentials, traits)
			? authenticate(link, credentials, traits, answer, err)
			: user_pass(link, credentials, traits, answer, err);
	net_client_wipe_sent(link->net);
	return r;
}

const struct proxy_dialog proxy_pop3_dialog = {
	.protocol = PROXY_POP3,
	.service = DIRECTORY_POP3,
	.greet = greet,
	.login = login,
};
