/* The client's half of IMAP: the greeting, STARTTLS, ID with who the client is, the login. */
#include "proxy/imap.h"

#include "proxy/imap_answer.h"
#include "proxy/say.h"

enum { LINE_MAX_BYTES = 16 * 1024, LINES_MAX = 1000 };

/* A line of data, with the literals in it. What a status says in words never has one. */
static int read_whole(
	struct net_client *net, struct buf *to, struct slice *ret_line, struct err *err)
{
	struct proxy_imap_line first;
	size_t literal;
	do {
		if (net_client_read_line(net, LINE_MAX_BYTES, ret_line, err) < 0)
			return -1;
		literal = proxy_imap_literal(*ret_line);
		if (to->len == 0 && (!proxy_imap_read_line(*ret_line, &first) ||
					    first.kind != PROXY_IMAP_UNTAGGED ||
					    first.status != PROXY_IMAP_DATA))
			literal = 0;
		buf_add_slice(to, *ret_line);
		buf_add_str(to, "\r\n");
		if (literal > 0 && net_client_read_bytes(net, literal, to, err) < 0)
			return -1;
	} while (literal > 0);
	if (to->failed)
		return err_temporary(err, ERR_LIMIT, "it says too much before the login");
	*ret_line = slice_sub(buf_slice(to), 0, to->len - 2);
	return 0;
}

/* Up to the answer with this tag, or a "+". What came before it and was no answer to this is in
 * `before`, its capabilities in *traits (may be NULL). `text` has the line. */
static int read_answer(struct proxy_link *link, const char *tag, struct buf *text,
	struct buf *before, unsigned *traits, struct proxy_imap_line *ret_line, struct err *err)
{
	for (unsigned i = 0; i < LINES_MAX; i++) {
		struct slice line;
		buf_clear(text);
		if (read_whole(link->net, text, &line, err) < 0)
			return -1;
		if (!proxy_imap_read_line(line, ret_line))
			return err_temporary(err, ERR_BAD_INPUT, "it does not speak IMAP");
		if (ret_line->capabilities.len > 0 && traits)
			*traits = proxy_imap_traits(ret_line->capabilities);
		if (ret_line->capabilities.len > 0 && traits)
			proxy_link_announces(link, ret_line->capabilities);
		if (ret_line->status == PROXY_IMAP_BYE)
			return err_temporary(err, ERR_DENIED, "it says %.*s",
				SLICE_ARG(slice_sub(ret_line->rest, 0, 150)));
		if (ret_line->kind == PROXY_IMAP_GO_AHEAD ||
			(ret_line->kind == PROXY_IMAP_TAGGED &&
				slice_eq(ret_line->tag, slice_str(tag))))
			return 0;
		if (ret_line->kind == PROXY_IMAP_TAGGED)
			return err_temporary(err, ERR_BAD_INPUT, "it answers what was not asked");
		buf_add_slice(before, buf_slice(text));
	}
	return err_temporary(err, ERR_LIMIT, "it does not come to an end");
}

/* A command that must be answered by OK. */
static int ask(struct proxy_link *link, const char *tag, const char *command, unsigned *traits,
	struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX), before = BUF(PROXY_ANSWER_MAX);
	struct proxy_imap_line line;
	proxy_say(link->net, "%s %s\r\n", tag, command);
	if (read_answer(link, tag, &text, &before, traits, &line, err) < 0) {
		err->kind = ERR_UNAVAILABLE; /* whoever the client is */
		return -1;
	}
	if (line.kind == PROXY_IMAP_TAGGED && line.status == PROXY_IMAP_OK)
		return 0;
	return err_temporary(err, ERR_UNAVAILABLE, "it answers %s by %.*s", command,
		SLICE_ARG(slice_sub(line.rest, 0, 120)));
}

static int read_greeting(struct proxy_link *link, unsigned *traits, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(PROXY_ANSWER_MAX);
	struct proxy_imap_line line;
	struct slice bytes;
	if (read_whole(link->net, &text, &bytes, err) < 0)
		return -1;
	if (!proxy_imap_read_line(bytes, &line) || line.kind != PROXY_IMAP_UNTAGGED ||
		line.status != PROXY_IMAP_OK)
		return err_temporary(err, ERR_UNAVAILABLE, "it greets by %.*s",
			SLICE_ARG(slice_sub(bytes, 0, 120)));
	*traits = proxy_imap_traits(line.capabilities);
	if (*traits != 0 && !link->wants_tls)
		proxy_link_announces(link, line.capabilities);
	return 0;
}

static void add_id(struct buf *to, const char *name, const char *value)
{
	/* What would have to be quoted is left out; ids and addresses have none of it. */
	if (value[0] && !strpbrk(value, "\"\\\r\n"))
		buf_printf(to, "%s\"%s\" \"%s\"", to->len > 0 ? " " : "", name, value);
}

static void add_address(
	struct buf *to, const char *ip_name, const char *port_name, const struct net_address *a)
{
	char ip[NET_ADDRESS_TEXT], port[8];
	uint8_t bytes[16];
	if (!net_address_bytes(a, bytes))
		return;
	net_address_host(a, ip);
	(void)snprintf(port, sizeof(port), "%u", net_address_port(a));
	add_id(to, ip_name, ip);
	add_id(to, port_name, port);
}

/* Its answer comes in front of that to the login, for which it is not waited. */
static void send_id(struct proxy_link *link, const struct proxy_client *client)
{
	AUTO(buf_free) struct buf id = BUF(1024);
	char ttl[8];
	(void)snprintf(ttl, sizeof(ttl), "%u", client->ttl);
	add_address(&id, "x-originating-ip", "x-originating-port", client->peer);
	add_address(&id, "x-connected-ip", "x-connected-port", client->local);
	add_id(&id, "x-proxy-ttl", ttl);
	add_id(&id, "x-session-id", client->session);
	proxy_say(link->net, "I ID (%s)\r\n", buf_cstr(&id));
}

static int greet(struct proxy_link *link, const struct proxy_client *client, unsigned *traits,
	struct err *err)
{
	if (read_greeting(link, traits, err) < 0)
		return -1;
	if (link->wants_tls) {
		if (ask(link, "S", "STARTTLS", NULL, err) < 0 ||
			proxy_link_start_tls(link, err) < 0)
			return -1;
		*traits = 0; /* what was said in the clear does not count */
	}
	if (*traits == 0 && ask(link, "C", "CAPABILITY", traits, err) < 0)
		return -1;
	if (client && (*traits & PROXY_IMAP_ID)) {
		send_id(link, client);
		*traits |= PROXY_IMAP_ID_SENT;
	}
	return 0;
}

/* A login under way. */
struct login {
	struct proxy_link *link;
	struct proxy_answer *answer;
	struct buf text; /* of the line */
	struct proxy_imap_line line;
};

static int next(struct login *l, struct err *err)
{
	return read_answer(l->link, "L", &l->text, &l->answer->before, NULL, &l->line, err);
}

/* What it says to ID is not for the client; unless it can't serve him at all. */
static int read_id(struct login *l, struct err *err)
{
	int r = read_answer(l->link, "I", &l->text, &l->answer->before, NULL, &l->line, err);
	buf_clear(&l->answer->before);
	if (r < 0 || l->line.kind != PROXY_IMAP_TAGGED || l->line.status != PROXY_IMAP_NO)
		return r;
	return 0;
}

static int conclude(struct login *l, struct err *err)
{
	if (l->line.kind != PROXY_IMAP_TAGGED)
		return err_temporary(err, ERR_BAD_INPUT, "it asks for more than a login is");
	l->answer->said = proxy_imap_said(&l->line);
	if (l->line.status == PROXY_IMAP_BAD) /* our words, not the client's */
		buf_add_str(
			&l->answer->words, "NO [UNAVAILABLE] The server did not take the login");
	else
		buf_add_slice(&l->answer->words, l->line.rest);
	return 0;
}

static int authenticate(
	struct login *l, const struct proxy_credentials *c, unsigned traits, struct err *err)
{
	struct slice mechanism = c->token ? c->token->mechanism : SLICE("PLAIN");
	AUTO(proxy_say_wipe) struct buf message = {0};
	bool sent = traits & PROXY_IMAP_SASL_IR;
	proxy_say_sasl(c, &message);
	proxy_say(l->link->net, "L AUTHENTICATE %.*s%s", SLICE_ARG(mechanism), sent ? " " : "");
	if (sent)
		net_client_write(l->link->net, buf_slice(&message));
	net_client_write(l->link->net, SLICE("\r\n"));
	if ((traits & PROXY_IMAP_ID_SENT) && read_id(l, err) < 0)
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		if (next(l, err) < 0)
			return -1;
		if (l->line.kind == PROXY_IMAP_TAGGED)
			break;
		if (!sent) {
			net_client_write(l->link->net, buf_slice(&message));
			net_client_write(l->link->net, SLICE("\r\n"));
			sent = true;
		} else if (c->token) {
			proxy_say(l->link->net, "%.*s\r\n",
				SLICE_ARG(proxy_say_to_challenge(c, l->line.rest, l->answer)));
		} else {
			net_client_write(l->link->net, SLICE("*\r\n"));
		}
	}
	return conclude(l, err);
}

/* A string that has to be waited for. */
static int send_literal(struct login *l, struct slice text, bool plus, struct err *err)
{
	proxy_say(l->link->net, "{%zu%s}\r\n", text.len, plus ? "+" : "");
	if (!plus) {
		if (next(l, err) < 0)
			return -1;
		if (l->line.kind != PROXY_IMAP_GO_AHEAD)
			return err_temporary(err, ERR_BAD_INPUT, "it takes no literal");
	}
	net_client_write(l->link->net, text);
	return 0;
}

/* For servers that know no PLAIN. */
static int log_in(
	struct login *l, const struct proxy_credentials *c, unsigned traits, struct err *err)
{
	bool plus = traits & PROXY_IMAP_LITERAL_PLUS;
	if (c->master.len > 0 || c->token || (traits & PROXY_IMAP_LOGINDISABLED))
		return err_temporary(
			err, ERR_UNAVAILABLE, "it offers no login that the proxy could use");
	if ((traits & PROXY_IMAP_ID_SENT) && read_id(l, err) < 0)
		return -1;
	net_client_write(l->link->net, SLICE("L LOGIN "));
	if (send_literal(l, c->user, plus, err) < 0)
		return -1;
	net_client_write(l->link->net, SLICE(" "));
	if (send_literal(l, c->password, plus, err) < 0)
		return -1;
	net_client_write(l->link->net, SLICE("\r\n"));
	return next(l, err) < 0 ? -1 : conclude(l, err);
}

static bool can_authenticate(const struct proxy_credentials *c, unsigned traits)
{
	if (!c->token)
		return traits & PROXY_IMAP_PLAIN;
	return traits & (slice_eq(c->token->mechanism, SLICE("XOAUTH2")) ? PROXY_IMAP_XOAUTH2
									 : PROXY_IMAP_OAUTHBEARER);
}

static int login(struct proxy_link *link, const struct proxy_credentials *credentials,
	unsigned traits, struct proxy_answer *answer, struct err *err)
{
	struct login l = {.link = link, .answer = answer, .text = BUF(PROXY_ANSWER_MAX)};
	int r = can_authenticate(credentials, traits) ? authenticate(&l, credentials, traits, err)
						      : log_in(&l, credentials, traits, err);
	net_client_wipe_sent(link->net);
	buf_free(&l.text);
	return r;
}

const struct proxy_dialog proxy_imap_dialog = {
	.protocol = PROXY_IMAP,
	.service = DIRECTORY_IMAP,
	.greet = greet,
	.login = login,
};
