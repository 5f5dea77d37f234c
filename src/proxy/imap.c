/* The server's half of IMAP, up to the login: what a client may say before it, answered as a back
 * end would. What comes behind the login is not looked at any more. */
#include "proxy/imap.h"

#include "base/alloc.h"
#include "base/must.h"
#include "imap/collect.h"
#include "imap/id.h"
#include "imap/login_words.h"
#include "imap/parse.h"
#include "net/origin.h"
#include "proxy/front.h"
#include "proxy/imap_answer.h"

enum {
	COMMAND_MAX = 16 * 1024,
	LITERAL_MAX = 4096,
	ERRORS_MAX = 10,
	INPUT_MAX = IMAP_LINE_MAX + COMMAND_MAX,
	FIRST_TIMEOUT_MS = 60 * 1000,
};

struct imap_session {
	struct proxy_session p; /* first */
	unsigned errors;
	struct imap_collect collect;
	char *tag; /* of the login under way; NULL: none */
};

static struct imap_session *of(struct proxy_session *p)
{
	return (struct imap_session *)p;
}

static void write_capabilities(struct imap_session *s, struct buf *to)
{
	AUTO(buf_free) struct buf heard = BUF(PROXY_CAPABILITIES_MAX);
	struct sasl_offer offer = proxy_login_offer(&s->p);
	if (!proxy_backends_capabilities(s->p.proxy->backends, PROXY_IMAP, &heard))
		buf_add_str(&heard, "ENABLE");
	proxy_imap_announce(buf_slice(&heard), to);
	if (net_tls_offered(s->p.net))
		buf_add_str(to, " STARTTLS");
	if (!offer.plain)
		buf_add_str(to, " LOGINDISABLED");
	if (offer.plain || offer.scram || offer.token) {
		buf_add_str(to, " AUTH=");
		sasl_list(&offer, " AUTH=", to);
	}
}

static enum proxy_run ok(struct imap_session *s, struct slice tag, const char *text)
{
	net_printf(s->p.net, "%.*s OK %s\r\n", SLICE_ARG(tag), text);
	return PROXY_GO_ON;
}

static enum proxy_run no(
	struct imap_session *s, struct slice tag, const char *code, const char *text)
{
	net_printf(s->p.net, "%.*s NO [%s] %s\r\n", SLICE_ARG(tag), code, text);
	return PROXY_GO_ON;
}

static enum proxy_run bad(struct imap_session *s, struct slice tag, const char *text)
{
	net_printf(s->p.net, "%.*s BAD %s\r\n", SLICE_ARG(tag), text);
	if (++s->errors < ERRORS_MAX)
		return PROXY_GO_ON;
	net_write_str(s->p.net, "* BYE Too many errors\r\n");
	return PROXY_CLOSE;
}

static enum proxy_run bad_arguments(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	AUTO(buf_free) struct buf text = BUF(256);
	buf_printf(&text, "Expected %s", p->error ? p->error : "something else");
	return bad(s, tag, buf_cstr(&text));
}

static enum proxy_run cmd_capability(
	struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	AUTO(buf_free) struct buf list = BUF(2 * PROXY_CAPABILITIES_MAX);
	if (!imap_end(p))
		return bad_arguments(s, tag, p);
	write_capabilities(s, &list);
	net_printf(s->p.net, "* CAPABILITY %s\r\n", buf_cstr(&list));
	return ok(s, tag, "Done");
}

static enum proxy_run cmd_noop(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	return imap_end(p) ? ok(s, tag, "Done") : bad_arguments(s, tag, p);
}

static enum proxy_run cmd_logout(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	if (!imap_end(p))
		return bad_arguments(s, tag, p);
	net_write_str(s->p.net, "* BYE Good bye\r\n");
	(void)ok(s, tag, "Done");
	return PROXY_CLOSE;
}

static enum proxy_run cmd_starttls(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	if (!imap_end(p))
		return bad_arguments(s, tag, p);
	if (!net_tls_offered(s->p.net))
		return bad(s, tag,
			net_is_tls(s->p.net) ? "TLS is active already" : "There is no certificate");
	(void)ok(s, tag, "Begin the handshake");
	net_start_tls(s->p.net);
	return PROXY_PARK;
}

/* A front end of ours says who its client is; others say who they are themselves. */
static enum proxy_run cmd_id(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	struct imap_id id = {0};
	struct net_origin origin;
	bool read = imap_space(p) && imap_parse_id(p, &id);
	log_info(net_log(s->p.net), "client", F_SLICE("id", buf_slice(&id.said)));
	buf_free(&id.said);
	if (!read)
		return bad_arguments(s, tag, p);
	if (id.has_origin && net_is_front_end(s->p.net)) {
		if (!net_origin_read(&id.origin, &origin))
			return bad(s, tag, "Malformed address, port, session or TTL");
		if (proxy_session_become(&s->p, &origin) != NET_ORIGIN_TAKEN) {
			static const char *const why = "Too many proxies, or connections";
			net_printf(s->p.net, "* BYE %s\r\n", why);
			(void)no(s, tag, "UNAVAILABLE", why);
			return PROXY_CLOSE;
		}
	}
	net_write_str(
		s->p.net, "* ID (\"name\" \"Rookery\" \"version\" \"" ROOKERY_VERSION "\")\r\n");
	return ok(s, tag, "Done");
}

static void forget_tag(struct imap_session *s)
{
	free(s->tag);
	s->tag = NULL;
}

/* In the back end's own words, where it has said any. */
static enum proxy_run refuse(struct proxy_session *p, enum directory_login_outcome outcome,
	const struct proxy_answer *answer)
{
	struct imap_session *s = of(p);
	struct slice tag = slice_str(s->tag);
	enum proxy_run r = PROXY_GO_ON;
	if (answer->words.len > 0)
		net_printf(p->net, "%s %.*s\r\n", s->tag, SLICE_ARG(buf_slice(&answer->words)));
	else if (outcome == DIRECTORY_LOGIN_DENIED)
		(void)no(s, tag, imap_login_words[outcome].code, directory_login_reason(p->login));
	else if (imap_login_words[outcome].code)
		(void)no(s, tag, imap_login_words[outcome].code, imap_login_words[outcome].text);
	else
		r = bad(s, tag, imap_login_words[outcome].text);
	forget_tag(s);
	return r;
}

static void welcome(struct proxy_session *p, const struct proxy_answer *answer)
{
	struct imap_session *s = of(p);
	net_write(p->net, buf_slice(&answer->before));
	net_printf(p->net, "%s %.*s\r\n", s->tag, SLICE_ARG(buf_slice(&answer->words)));
	forget_tag(s);
}

static void challenge(struct proxy_session *p, const char *text)
{
	net_printf(p->net, "+ %s\r\n", text);
}

static enum proxy_run cmd_login(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	struct slice name, password;
	if (!imap_space(p) || !imap_astring(p, &name) || !imap_space(p) ||
		!imap_astring(p, &password) || !imap_end(p))
		return bad_arguments(s, tag, p);
	if (!net_is_secure(s->p.net))
		return no(s, tag, "PRIVACYREQUIRED", "Not without TLS");
	if (password.len == 0)
		return no(s, tag, imap_login_words[DIRECTORY_LOGIN_REFUSED].code,
			imap_login_words[DIRECTORY_LOGIN_REFUSED].text);
	s->tag = slice_dup(tag);
	enum proxy_run r = proxy_front_answer(&s->p, proxy_login_password(&s->p, name, password));
	explicit_bzero((char *)password.ptr, password.len); /* a quoted one was copied */
	return r;
}

static enum proxy_run cmd_authenticate(
	struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	struct slice mechanism, initial = SLICE_NONE;
	if (!imap_space(p) || !imap_atom(p, &mechanism))
		return bad_arguments(s, tag, p);
	if (imap_skip(p, ' '))
		initial = p->rest;
	s->tag = slice_dup(tag);
	return proxy_front_answer(&s->p, proxy_login_sasl(&s->p, NULL, mechanism, initial));
}

static const struct {
	const char *name;
	enum proxy_run (*run)(struct imap_session *s, struct slice tag, struct imap_parser *p);
} COMMANDS_BEFORE[] = {
	{"AUTHENTICATE", cmd_authenticate},
	{"CAPABILITY", cmd_capability},
	{"ID", cmd_id},
	{"LOGIN", cmd_login},
	{"LOGOUT", cmd_logout},
	{"NOOP", cmd_noop},
	{"STARTTLS", cmd_starttls},
};

static enum proxy_run execute(struct imap_session *s, struct slice command)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct imap_parser p = {.rest = command, .arena = &arena};
	struct slice tag, verb;
	if (!imap_tag(&p, &tag))
		return bad_arguments(s, SLICE("*"), &p);
	tag = arena_copy(&arena, tag);
	if (!imap_space(&p) || !imap_atom(&p, &verb))
		return bad_arguments(s, tag, &p);
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS_BEFORE); i++)
		if (slice_eq_nocase(verb, slice_str(COMMANDS_BEFORE[i].name))) {
			must_doing(net_session_id(s->p.net), COMMANDS_BEFORE[i].name);
			return COMMANDS_BEFORE[i].run(s, tag, &p);
		}
	return bad(s, tag, "Log in first");
}

static enum proxy_run too_big(struct imap_session *s, const char *what)
{
	net_printf(s->p.net, "* BYE [TOOBIG] %s too long\r\n", what);
	return PROXY_CLOSE;
}

static enum proxy_run on_literal(struct imap_session *s, struct slice input)
{
	struct imap_collect *c = &s->collect;
	if (c->literal <= LITERAL_MAX && imap_collect_literal(c)) {
		if (!c->plus)
			net_write_str(s->p.net, "+ OK\r\n");
		return PROXY_GO_ON;
	}
	if (c->plus) /* it is on its way already: RFC 7888 section 4 */
		return too_big(s, "Literal");
	struct imap_parser p = {.rest = input};
	struct slice tag;
	(void)no(s, imap_tag(&p, &tag) ? tag : SLICE("*"), "TOOBIG", "Literal too long");
	net_consume(s->p.net, c->at);
	*c = (struct imap_collect){0};
	return PROXY_GO_ON;
}

/* A command of the input, whole. */
static enum proxy_run take_command(struct proxy_session *p)
{
	struct imap_session *s = of(p);
	struct slice input = net_input(s->p.net);
	switch (imap_collect_step(&s->collect, input)) {
	case IMAP_NEED_MORE:
		return input.len > COMMAND_MAX ? too_big(s, "Command") : PROXY_PARK;
	case IMAP_TOO_LONG:
		return too_big(s, "Command");
	case IMAP_LITERAL:
		return on_literal(s, input);
	case IMAP_COMMAND:
		break;
	}
	size_t len = s->collect.at;
	struct slice command = slice(input.ptr, len - 1);
	if (command.len > 0 && command.ptr[command.len - 1] == '\r')
		command.len--;
	enum proxy_run r = execute(s, command);
	proxy_front_drop(p, len);
	s->collect = (struct imap_collect){0};
	return r;
}

static void greet(struct proxy_session *p)
{
	AUTO(buf_free) struct buf list = BUF(2 * PROXY_CAPABILITIES_MAX);
	write_capabilities(of(p), &list);
	net_printf(p->net, "* OK [CAPABILITY %s] %s Rookery ready\r\n", buf_cstr(&list),
		p->proxy->settings->hostname);
}

#define STOPPING "* BYE Server is going down, come back soon\r\n"
static const struct proxy_front front = {
	.dialog = &proxy_imap_dialog,
	.greet = greet,
	.take = take_command,
	.challenge = challenge,
	.welcome = welcome,
	.refuse = refuse,
	.refused = "* BYE Too many failures\r\n",
	.timed_out = "* BYE Autologout; idle for too long\r\n",
	.too_long = "* BYE [TOOBIG] Line too long\r\n",
	.stopping = STOPPING,
	.farewell = STOPPING,
};

static enum net_next open_session(struct net_session *net)
{
	return proxy_front_open(net, &front);
}

static void close_session(struct net_session *net)
{
	forget_tag(net_state(net));
	proxy_front_close(net);
}

const struct net_protocol proxy_imap_protocol = {
	.name = "imap",
	.session_size = sizeof(struct imap_session),
	.open = open_session,
	.run = proxy_front_run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.timeout_ms = FIRST_TIMEOUT_MS,
};
