/* The client's half of ManageSieve: capabilities, STARTTLS, XCLIENT, the login. */
#include "proxy/sieve.h"

#include "proxy/say.h"
#include "proxy/sieve_line.h"

enum {
	LINE_MAX_BYTES = 16 * 1024,
	LINES_MAX = 100,
	QUOTED_MAX = 1024, /* RFC 5804 section 4 */
};

/* A line with its literals, and its end, appended; *ret_line is it without. */
static int read_whole(
	struct proxy_link *link, struct buf *to, struct slice *ret_line, struct err *err)
{
	size_t start = to->len, literal;
	struct slice piece;
	do {
		if (net_client_read_line(link->net, LINE_MAX_BYTES, &piece, err) < 0)
			return -1;
		literal = proxy_sieve_literal(piece);
		buf_add_slice(to, piece);
		buf_add_str(to, "\r\n");
		if (literal > 0 && net_client_read_bytes(link->net, literal, to, err) < 0)
			return -1;
	} while (literal > 0);
	if (to->failed)
		return err_temporary(err, ERR_LIMIT, "it says too much before the login");
	*ret_line = slice_sub(slice_from(buf_slice(to), start), 0, to->len - start - 2);
	return 0;
}

/* Up to the line that ends an answer; what stands before it is in `before`. */
static int read_answer(struct proxy_link *link, struct buf *before, struct buf *text,
	struct slice *ret_line, struct err *err)
{
	for (unsigned i = 0; i < LINES_MAX; i++) {
		buf_clear(text);
		if (read_whole(link, text, ret_line, err) < 0)
			return -1;
		enum proxy_sieve_status status = proxy_sieve_status(*ret_line);
		if (status == PROXY_SIEVE_BYE)
			return err_temporary(err, ERR_DENIED, "it says %.*s",
				SLICE_ARG(slice_sub(*ret_line, 0, 120)));
		if (status != PROXY_SIEVE_DATA)
			return 0;
		buf_add_slice(before, buf_slice(text));
	}
	return err_temporary(err, ERR_LIMIT, "its answer does not come to an end");
}

static int expect_ok(struct proxy_link *link, const char *to, struct buf *before, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX);
	struct slice line;
	if (read_answer(link, before, &text, &line, err) < 0)
		return -1;
	if (proxy_sieve_status(line) == PROXY_SIEVE_OK)
		return 0;
	return err_temporary(err, ERR_UNAVAILABLE, "it answers %s by %.*s", to,
		SLICE_ARG(slice_sub(line, 0, 120)));
}

/* Which it says by itself: at first, and once TLS stands. */
static int read_capabilities(struct proxy_link *link, unsigned *traits, struct err *err)
{
	AUTO(buf_free) struct buf lines = BUF(PROXY_ANSWER_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	if (expect_ok(link, "our connection", &lines, err) < 0) {
		err->kind = ERR_UNAVAILABLE; /* whoever the client is */
		return -1;
	}
	*traits = 0;
	for (struct slice rest = buf_slice(&lines); rest.len > 0;) {
		struct proxy_sieve_words words;
		if (proxy_sieve_read(rest, &arena, &words) != PROXY_SIEVE_LINE)
			return err_temporary(err, ERR_BAD_INPUT, "it does not speak ManageSieve");
		*traits |= proxy_sieve_traits(&words);
		rest = slice_from(rest, words.len);
	}
	proxy_link_announces(link, buf_slice(&lines));
	return 0;
}

static void send_client(struct proxy_link *link, const struct proxy_client *client)
{
	char ip[NET_ADDRESS_TEXT];
	uint8_t bytes[16];
	net_client_write(link->net, SLICE("XCLIENT"));
	if (net_address_bytes(client->peer, bytes)) {
		net_address_host(client->peer, ip);
		proxy_say(link->net, " ADDR=%s PORT=%u", ip, net_address_port(client->peer));
	}
	proxy_say(link->net, " SESSION=%s TTL=%u\r\n", client->session, client->ttl);
}

static int greet(struct proxy_link *link, const struct proxy_client *client, unsigned *traits,
	struct err *err)
{
	AUTO(buf_free) struct buf before = BUF(PROXY_ANSWER_MAX);
	if (read_capabilities(link, traits, err) < 0)
		return -1;
	if (link->wants_tls) {
		net_client_write(link->net, SLICE("STARTTLS\r\n"));
		if (expect_ok(link, "STARTTLS", &before, err) < 0 ||
			proxy_link_start_tls(link, err) < 0 ||
			read_capabilities(link, traits, err) < 0)
			return -1;
	}
	if (client && (*traits & PROXY_SIEVE_XCLIENT)) {
		send_client(link, client);
		*traits |= PROXY_SIEVE_XCLIENT_SENT;
	}
	return 0;
}

static bool can_authenticate(const struct proxy_credentials *c, unsigned traits)
{
	if (!c->token)
		return traits & PROXY_SIEVE_PLAIN;
	return traits & (slice_eq(c->token->mechanism, SLICE("XOAUTH2")) ? PROXY_SIEVE_XOAUTH2
									 : PROXY_SIEVE_OAUTHBEARER);
}

static void send_login(struct proxy_link *link, const struct proxy_credentials *c)
{
	struct slice mechanism = c->token ? c->token->mechanism : SLICE("PLAIN");
	AUTO(proxy_say_wipe) struct buf message = {0};
	proxy_say_sasl(c, &message);
	bool quoted = message.len <= QUOTED_MAX;
	proxy_say(link->net, "AUTHENTICATE \"%.*s\" ", SLICE_ARG(mechanism));
	if (quoted)
		net_client_write(link->net, SLICE("\""));
	else
		proxy_say(link->net, "{%zu+}\r\n", message.len);
	net_client_write(link->net, buf_slice(&message));
	net_client_write(link->net, quoted ? SLICE("\"\r\n") : SLICE("\r\n"));
}

/* What it says about a token, which is answered: then its "no" comes. */
static int take_challenge(struct proxy_link *link, const struct proxy_credentials *c,
	struct slice line, struct proxy_answer *answer)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct proxy_sieve_words words;
	if (proxy_sieve_read(line, &arena, &words) != PROXY_SIEVE_LINE || words.count != 1)
		return -1;
	proxy_say(link->net, "\"%.*s\"\r\n",
		SLICE_ARG(proxy_say_to_challenge(c, words.at[0], answer)));
	return 0;
}

/* Answers come in lines; a challenge is one, too, and ends nothing. */
static int read_login(struct proxy_link *link, const struct proxy_credentials *c,
	struct proxy_answer *answer, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX);
	struct slice line;
	for (unsigned i = 0; i < 3; i++) {
		buf_clear(&text);
		if (read_whole(link, &text, &line, err) < 0)
			return -1;
		enum proxy_sieve_status status = proxy_sieve_status(line);
		if (status == PROXY_SIEVE_OK || status == PROXY_SIEVE_NO) {
			answer->said = proxy_sieve_said(line);
			buf_add_slice(&answer->words, line);
			return 0;
		}
		if (status == PROXY_SIEVE_BYE)
			return err_temporary(err, ERR_DENIED, "it says %.*s",
				SLICE_ARG(slice_sub(line, 0, 120)));
		if (!c->token)
			net_client_write(link->net, SLICE("\"*\"\r\n"));
		else if (take_challenge(link, c, buf_slice(&text), answer) < 0)
			break;
	}
	return err_temporary(err, ERR_BAD_INPUT, "it asks for more than a login is");
}

static int login(struct proxy_link *link, const struct proxy_credentials *c, unsigned traits,
	struct proxy_answer *answer, struct err *err)
{
	AUTO(buf_free) struct buf before = BUF(PROXY_ANSWER_MAX), text = BUF(PROXY_ANSWER_MAX);
	if (!can_authenticate(c, traits))
		return err_temporary(
			err, ERR_UNAVAILABLE, "it offers no login that the proxy could use");
	send_login(link, c);
	if (traits & PROXY_SIEVE_XCLIENT_SENT) {
		struct slice line;
		if (read_answer(link, &before, &text, &line, err) < 0)
			return -1;
		if (proxy_sieve_status(line) != PROXY_SIEVE_OK)
			return err_temporary(err, ERR_DENIED, "it answers XCLIENT by %.*s",
				SLICE_ARG(slice_sub(line, 0, 120)));
	}
	int r = read_login(link, c, answer, err);
	net_client_wipe_sent(link->net);
	return r;
}

const struct proxy_dialog proxy_sieve_dialog = {
	.protocol = PROXY_MANAGESIEVE,
	.service = DIRECTORY_MANAGESIEVE,
	.greet = greet,
	.login = login,
};
