/* The server's half of IMAP, up to the login: what a client may say before it, answered as a back
 * end would. What comes behind the login is not looked at any more. */
#include "proxy/imap.h"

#include "base/alloc.h"
#include "base/must.h"
#include "imap/collect.h"
#include "imap/id.h"
#include "imap/parse.h"
#include "net/origin.h"
#include "proxy/imap_answer.h"

enum {
	COMMAND_MAX = 16 * 1024,
	LITERAL_MAX = 4096,
	ERRORS_MAX = 10,
	INPUT_MAX = IMAP_LINE_MAX + COMMAND_MAX,
	FIRST_TIMEOUT_MS = 60 * 1000,
};

enum phase { COMMANDS, IN_AUTH, IN_PAUSE };

struct imap_session {
	struct proxy_session p; /* first */
	enum phase phase;
	unsigned errors;
	struct imap_collect collect;
	char *tag; /* of the login under way; NULL: none */
};

/* What a command comes to. */
enum outcome {
	GO_ON,
	PARK,   /* more input, or time, is needed */
	JOINED, /* the login is done, all that it said is written */
	CLOSE,
};

static void set_timeout(struct imap_session *s)
{
	net_set_timeout(s->p.net, (unsigned)s->p.proxy->settings->proxy.login_timeout_ms);
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

static enum outcome ok(struct imap_session *s, struct slice tag, const char *text)
{
	net_printf(s->p.net, "%.*s OK %s\r\n", SLICE_ARG(tag), text);
	return GO_ON;
}

static enum outcome no(struct imap_session *s, struct slice tag, const char *code, const char *text)
{
	net_printf(s->p.net, "%.*s NO [%s] %s\r\n", SLICE_ARG(tag), code, text);
	return GO_ON;
}

static enum outcome bad(struct imap_session *s, struct slice tag, const char *text)
{
	net_printf(s->p.net, "%.*s BAD %s\r\n", SLICE_ARG(tag), text);
	if (++s->errors < ERRORS_MAX)
		return GO_ON;
	net_write_str(s->p.net, "* BYE Too many errors\r\n");
	return CLOSE;
}

static enum outcome bad_arguments(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	AUTO(buf_free) struct buf text = BUF(256);
	buf_printf(&text, "Expected %s", p->error ? p->error : "something else");
	return bad(s, tag, buf_cstr(&text));
}

static enum outcome cmd_capability(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	AUTO(buf_free) struct buf list = BUF(2 * PROXY_CAPABILITIES_MAX);
	if (!imap_end(p))
		return bad_arguments(s, tag, p);
	write_capabilities(s, &list);
	net_printf(s->p.net, "* CAPABILITY %s\r\n", buf_cstr(&list));
	return ok(s, tag, "Done");
}

static enum outcome cmd_noop(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	return imap_end(p) ? ok(s, tag, "Done") : bad_arguments(s, tag, p);
}

static enum outcome cmd_logout(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	if (!imap_end(p))
		return bad_arguments(s, tag, p);
	net_write_str(s->p.net, "* BYE Good bye\r\n");
	(void)ok(s, tag, "Done");
	return CLOSE;
}

static enum outcome cmd_starttls(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	if (!imap_end(p))
		return bad_arguments(s, tag, p);
	if (!net_tls_offered(s->p.net))
		return bad(s, tag,
			net_is_tls(s->p.net) ? "TLS is active already" : "There is no certificate");
	(void)ok(s, tag, "Begin the handshake");
	net_start_tls(s->p.net);
	return PARK;
}

/* A front end of ours says who its client is; others say who they are themselves. */
static enum outcome cmd_id(struct imap_session *s, struct slice tag, struct imap_parser *p)
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
			return CLOSE;
		}
	}
	net_write_str(
		s->p.net, "* ID (\"name\" \"Rookery\" \"version\" \"" ROOKERY_VERSION "\")\r\n");
	return ok(s, tag, "Done");
}

/* Of what ends a login: NO with a code, BAD without. */
static const struct {
	const char *code, *text;
} WORDS[] = {
	[DIRECTORY_LOGIN_REFUSED] = {"AUTHENTICATIONFAILED", "Wrong user or password"},
	[DIRECTORY_LOGIN_REFUSED_LAST] = {"AUTHENTICATIONFAILED", "Wrong user or password"},
	[DIRECTORY_LOGIN_DENIED] = {"AUTHORIZATIONFAILED", NULL}, /* the reason */
	[DIRECTORY_LOGIN_NOT_NOW] = {"UNAVAILABLE",
		"Your mailbox can't be reached just now, try again later"},
	[DIRECTORY_LOGIN_BLOCKED] = {"UNAVAILABLE",
		"Too many failed logins from your address, wait a while"},
	[DIRECTORY_LOGIN_NO_MECHANISM] = {"CANNOT", "No such mechanism here; is TLS on?"},
	[DIRECTORY_LOGIN_CANCELLED] = {NULL, "Cancelled"},
	[DIRECTORY_LOGIN_NOT_BASE64] = {NULL, "Expected base64"},
	[DIRECTORY_LOGIN_MALFORMED] = {NULL, "Not what the mechanism expects"},
	[DIRECTORY_LOGIN_TOO_LONG] = {NULL, "Line too long"},
};

static void end_login(struct imap_session *s)
{
	proxy_login_end(&s->p);
	free(s->tag);
	s->tag = NULL;
	s->phase = COMMANDS;
}

/* A refusal in the back end's own words, where it has said any. */
static enum outcome refuse(struct imap_session *s, enum directory_login_outcome outcome)
{
	const struct proxy_answer *answer = proxy_login_answer(&s->p);
	struct slice tag = slice_str(s->tag);
	enum outcome r = GO_ON;
	if (answer->words.len > 0)
		net_printf(s->p.net, "%s %.*s\r\n", s->tag, SLICE_ARG(buf_slice(&answer->words)));
	else if (outcome == DIRECTORY_LOGIN_DENIED)
		(void)no(s, tag, WORDS[outcome].code, directory_login_reason(s->p.login));
	else if (WORDS[outcome].code)
		(void)no(s, tag, WORDS[outcome].code, WORDS[outcome].text);
	else
		r = bad(s, tag, WORDS[outcome].text);
	end_login(s);
	if (outcome != DIRECTORY_LOGIN_REFUSED_LAST)
		return r;
	net_write_str(s->p.net, "* BYE Too many failures\r\n");
	return CLOSE;
}

static enum outcome answer(struct imap_session *s, enum directory_login_outcome outcome)
{
	const struct proxy_answer *said = proxy_login_answer(&s->p);
	switch (outcome) {
	case DIRECTORY_LOGIN_CHALLENGE:
		s->phase = IN_AUTH;
		net_printf(s->p.net, "+ %s\r\n", directory_login_challenge(s->p.login));
		return GO_ON;
	case DIRECTORY_LOGIN_PAUSE:
		s->phase = IN_PAUSE;
		return GO_ON;
	case DIRECTORY_LOGIN_DONE:
		net_write(s->p.net, buf_slice(&said->before));
		net_printf(s->p.net, "%s %.*s\r\n", s->tag, SLICE_ARG(buf_slice(&said->words)));
		return JOINED;
	default:
		return refuse(s, outcome);
	}
}

static enum outcome pause_over(struct imap_session *s)
{
	unsigned left_ms;
	enum directory_login_outcome outcome = proxy_login_wait(&s->p, &left_ms);
	if (outcome == DIRECTORY_LOGIN_PAUSE) {
		net_set_timeout(s->p.net, left_ms);
		return PARK;
	}
	set_timeout(s);
	return answer(s, outcome);
}

static enum outcome cmd_login(struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	struct slice name, password;
	if (!imap_space(p) || !imap_astring(p, &name) || !imap_space(p) ||
		!imap_astring(p, &password) || !imap_end(p))
		return bad_arguments(s, tag, p);
	if (!net_is_secure(s->p.net))
		return no(s, tag, "PRIVACYREQUIRED", "Not without TLS");
	if (password.len == 0)
		return no(s, tag, WORDS[DIRECTORY_LOGIN_REFUSED].code,
			WORDS[DIRECTORY_LOGIN_REFUSED].text);
	s->tag = slice_dup(tag);
	enum outcome r = answer(s, proxy_login_password(&s->p, name, password));
	explicit_bzero((char *)password.ptr, password.len); /* a quoted one was copied */
	return r;
}

static enum outcome cmd_authenticate(
	struct imap_session *s, struct slice tag, struct imap_parser *p)
{
	struct slice mechanism, initial = SLICE_NONE;
	if (!imap_space(p) || !imap_atom(p, &mechanism))
		return bad_arguments(s, tag, p);
	if (imap_skip(p, ' '))
		initial = p->rest;
	s->tag = slice_dup(tag);
	return answer(s, proxy_login_sasl(&s->p, NULL, mechanism, initial));
}

static const struct {
	const char *name;
	enum outcome (*run)(struct imap_session *s, struct slice tag, struct imap_parser *p);
} COMMANDS_BEFORE[] = {
	{"AUTHENTICATE", cmd_authenticate},
	{"CAPABILITY", cmd_capability},
	{"ID", cmd_id},
	{"LOGIN", cmd_login},
	{"LOGOUT", cmd_logout},
	{"NOOP", cmd_noop},
	{"STARTTLS", cmd_starttls},
};

static enum outcome execute(struct imap_session *s, struct slice command)
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

static enum outcome too_big(struct imap_session *s, const char *what)
{
	net_printf(s->p.net, "* BYE [TOOBIG] %s too long\r\n", what);
	return CLOSE;
}

static enum outcome on_literal(struct imap_session *s, struct slice input)
{
	struct imap_collect *c = &s->collect;
	if (c->literal <= LITERAL_MAX && imap_collect_literal(c)) {
		if (!c->plus)
			net_write_str(s->p.net, "+ OK\r\n");
		return GO_ON;
	}
	if (c->plus) /* it is on its way already: RFC 7888 section 4 */
		return too_big(s, "Literal");
	struct imap_parser p = {.rest = input};
	struct slice tag;
	(void)no(s, imap_tag(&p, &tag) ? tag : SLICE("*"), "TOOBIG", "Literal too long");
	net_consume(s->p.net, c->at);
	*c = (struct imap_collect){0};
	return GO_ON;
}

/* A command of the input, whole; what it needs of it is wiped: it may have been a password. */
static enum outcome take_command(struct imap_session *s)
{
	struct slice input = net_input(s->p.net);
	switch (imap_collect_step(&s->collect, input)) {
	case IMAP_NEED_MORE:
		return input.len > COMMAND_MAX ? too_big(s, "Command") : PARK;
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
	enum outcome r = execute(s, command);
	must_doing(NULL, NULL);
	input = net_input(s->p.net); /* empty once TLS begins */
	explicit_bzero((char *)input.ptr, MIN(len, input.len));
	net_consume(s->p.net, len);
	s->collect = (struct imap_collect){0};
	return r;
}

/* The client's next message of SASL. */
static enum outcome take_line(struct imap_session *s)
{
	struct slice input = net_input(s->p.net);
	ssize_t end = slice_find(input, '\n');
	size_t len = end < 0 ? input.len : (size_t)end;
	if (len > DIRECTORY_LOGIN_LINE_MAX + 1) /* CR */
		return too_big(s, "Line");
	if (end < 0)
		return PARK;
	enum outcome r = answer(s, proxy_login_line(&s->p, slice(input.ptr, len)));
	explicit_bzero((char *)input.ptr, len);
	net_consume(s->p.net, len + 1);
	return r;
}

static enum outcome step(struct imap_session *s)
{
	switch (s->phase) {
	case IN_PAUSE:
		return pause_over(s);
	case IN_AUTH:
		return take_line(s);
	default:
		return take_command(s);
	}
}

static enum net_next run(struct net_session *net, unsigned events)
{
	struct imap_session *s = net_state(net);
	if (events & NET_SHUTDOWN) {
		net_write_str(net, proxy_imap_dialog.farewell);
		return NET_CLOSE;
	}
	if ((events & NET_TIMEOUT) && s->phase != IN_PAUSE) {
		net_write_str(net, "* BYE Autologout; idle for too long\r\n");
		return NET_CLOSE;
	}
	for (;;) {
		switch (step(s)) {
		case GO_ON:
			if (net_output_full(net))
				return NET_WAIT_OUTPUT;
			continue;
		case PARK:
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
		case JOINED:
			proxy_login_join(&s->p);
			end_login(s);
			return NET_WAIT_INPUT;
		case CLOSE:
			return NET_CLOSE;
		}
	}
}

static enum net_next open_session(struct net_session *net)
{
	struct imap_session *s = net_state(net);
	AUTO(buf_free) struct buf list = BUF(2 * PROXY_CAPABILITIES_MAX);
	proxy_session_init(&s->p, net, &proxy_imap_dialog);
	set_timeout(s);
	write_capabilities(s, &list);
	net_printf(net, "* OK [CAPABILITY %s] %s Rookery ready\r\n", buf_cstr(&list),
		s->p.proxy->settings->hostname);
	return NET_WAIT_INPUT;
}

static void close_session(struct net_session *net)
{
	struct imap_session *s = net_state(net);
	end_login(s);
	proxy_session_deinit(&s->p);
}

const struct net_protocol proxy_imap_protocol = {
	.name = "imap",
	.session_size = sizeof(struct imap_session),
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.timeout_ms = FIRST_TIMEOUT_MS,
};
