/* The server's half of POP3, up to the login. */
#include "proxy/pop3.h"

#include "base/alloc.h"
#include "base/must.h"
#include "net/origin.h"
#include "pop3/login_words.h"
#include "pop3/xclient.h"
#include "proxy/front.h"
#include "proxy/pop3_answer.h"

enum {
	LINE_MAX_BYTES = 13 * 1024, /* AUTH with a token */
	ERRORS_MAX = 20,
	INPUT_MAX = 32 * 1024,
	FIRST_TIMEOUT_MS = 60 * 1000,
};

struct pop3_session {
	struct proxy_session p; /* first */
	struct slice user;      /* what USER said, on the heap */
	unsigned errors;
};

static struct pop3_session *of(struct proxy_session *p)
{
	return (struct pop3_session *)p;
}

static void forget_user(struct proxy_session *p)
{
	struct pop3_session *s = of(p);
	free((char *)s->user.ptr);
	s->user = SLICE_NONE;
}

static enum proxy_run ok(struct proxy_session *p, const char *text)
{
	net_printf(p->net, "+OK %s\r\n", text);
	return PROXY_GO_ON;
}

static enum proxy_run no(struct proxy_session *p, const char *code, const char *text)
{
	if (code)
		net_printf(p->net, "-ERR [%s] %s\r\n", code, text);
	else
		net_printf(p->net, "-ERR %s\r\n", text);
	return ++of(p)->errors > ERRORS_MAX ? PROXY_CLOSE : PROXY_GO_ON;
}

static enum proxy_run cmd_capa(struct proxy_session *p, struct slice argument)
{
	AUTO(buf_free) struct buf heard = BUF(PROXY_CAPABILITIES_MAX);
	struct sasl_offer offer = proxy_login_offer(p);
	struct buf *out = net_output(p->net);
	if (!proxy_backends_capabilities(p->proxy->backends, PROXY_POP3, &heard))
		buf_add_str(&heard, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n");
	buf_add_str(out, "+OK\r\n");
	proxy_pop3_announce(buf_slice(&heard), out);
	if (net_tls_offered(p->net))
		buf_add_str(out, "STLS\r\n");
	if (offer.plain)
		buf_add_str(out, "USER\r\n");
	if (net_is_front_end(p->net))
		buf_add_str(out, "XCLIENT\r\n");
	buf_add_str(out, "SASL ");
	sasl_list(&offer, " ", out);
	buf_add_str(out, "\r\n.\r\n");
	return PROXY_GO_ON;
}

static enum proxy_run cmd_stls(struct proxy_session *p, struct slice argument)
{
	if (!net_tls_offered(p->net))
		return no(p, NULL,
			net_is_tls(p->net) ? "TLS is active already" : "There is no certificate");
	forget_user(p); /* RFC 2595 section 4: nothing said in the clear counts */
	(void)ok(p, "Begin the handshake");
	net_start_tls(p->net);
	return PROXY_PARK;
}

static enum proxy_run cmd_quit(struct proxy_session *p, struct slice argument)
{
	(void)ok(p, "Good bye");
	return PROXY_CLOSE;
}

static enum proxy_run cmd_user(struct proxy_session *p, struct slice argument)
{
	if (!net_is_secure(p->net))
		return no(p, "AUTH", "Not without TLS");
	if (argument.len == 0)
		return no(p, NULL, "USER takes a name");
	forget_user(p);
	of(p)->user = slice(slice_dup(argument), argument.len);
	return ok(p, "Password?");
}

static enum proxy_run cmd_pass(struct proxy_session *p, struct slice argument)
{
	if (!of(p)->user.ptr)
		return no(p, NULL, "USER first");
	if (argument.len == 0)
		return no(p, "AUTH", "Wrong user or password");
	return proxy_front_answer(p, proxy_login_password(p, of(p)->user, argument));
}

static enum proxy_run cmd_auth(struct proxy_session *p, struct slice argument)
{
	struct slice mechanism = slice_cut(&argument, ' ');
	argument = slice_trim(argument);
	if (mechanism.len == 0) { /* the old way to ask which there are */
		struct sasl_offer offer = proxy_login_offer(p);
		struct buf *out = net_output(p->net);
		buf_add_str(out, "+OK\r\n");
		sasl_list(&offer, "\r\n", out);
		buf_add_str(out, "\r\n.\r\n");
		return PROXY_GO_ON;
	}
	return proxy_front_answer(
		p, proxy_login_sasl(p, NULL, mechanism, argument.len > 0 ? argument : SLICE_NONE));
}

static enum proxy_run cmd_xclient(struct proxy_session *p, struct slice argument)
{
	struct net_origin_words words;
	struct net_origin origin;
	if (!net_is_front_end(p->net))
		return no(p, NULL, "You may not speak for others");
	if (!pop3_parse_xclient(argument, &words) || !net_origin_read(&words, &origin))
		return no(p, NULL, "Malformed attribute");
	if (proxy_session_become(p, &origin) == 0)
		return ok(p, "Updated");
	(void)no(p, "SYS/TEMP", "Too many proxies, or connections");
	return PROXY_CLOSE;
}

static const struct {
	const char *name;
	enum proxy_run (*run)(struct proxy_session *p, struct slice argument);
} COMMANDS[] = {
	{"AUTH", cmd_auth},
	{"CAPA", cmd_capa},
	{"PASS", cmd_pass},
	{"QUIT", cmd_quit},
	{"STLS", cmd_stls},
	{"USER", cmd_user},
	{"XCLIENT", cmd_xclient},
};

static enum proxy_run execute(struct proxy_session *p, struct slice line)
{
	struct slice verb = slice_cut(&line, ' ');
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		if (slice_eq_nocase(verb, slice_str(COMMANDS[i].name))) {
			must_doing(net_session_id(p->net), COMMANDS[i].name);
			return COMMANDS[i].run(p, line);
		}
	return no(p, NULL, "Log in first");
}

static enum proxy_run take(struct proxy_session *p)
{
	struct slice line;
	enum proxy_run r = proxy_front_line(p, LINE_MAX_BYTES, &line);
	if (r != PROXY_GO_ON)
		return r;
	size_t len = (size_t)slice_find(net_input(p->net), '\n') + 1;
	r = execute(p, line);
	proxy_front_drop(p, len);
	return r;
}

static enum proxy_run refuse(struct proxy_session *p, enum directory_login_outcome outcome,
	const struct proxy_answer *answer)
{
	const char *text = pop3_login_words[outcome].text;
	if (answer->words.len > 0) {
		net_printf(p->net, "%.*s\r\n", SLICE_ARG(buf_slice(&answer->words)));
		return ++of(p)->errors > ERRORS_MAX ? PROXY_CLOSE : PROXY_GO_ON;
	}
	if (outcome == DIRECTORY_LOGIN_DENIED)
		text = directory_login_reason(p->login);
	enum proxy_run r = no(p, pop3_login_words[outcome].code, text);
	return outcome == DIRECTORY_LOGIN_BLOCKED ? PROXY_CLOSE : r;
}

static void welcome(struct proxy_session *p, const struct proxy_answer *answer)
{
	net_printf(p->net, "%.*s\r\n", SLICE_ARG(buf_slice(&answer->words)));
	forget_user(p);
}

static void challenge(struct proxy_session *p, const char *text)
{
	net_printf(p->net, "+ %s\r\n", text);
}

static void greet(struct proxy_session *p)
{
	net_printf(p->net, "+OK %s%s Rookery ready\r\n",
		net_is_front_end(p->net) ? "[XCLIENT] " : "", p->proxy->settings->hostname);
}

static const struct proxy_front front = {
	.dialog = &proxy_pop3_dialog,
	.greet = greet,
	.take = take,
	.challenge = challenge,
	.welcome = welcome,
	.refuse = refuse,
	.refused = "",
	.timed_out = "",
	.too_long = "-ERR Line too long\r\n",
	.stopping = "-ERR [SYS/TEMP] Server is going down, come back soon\r\n",
};

static enum net_next open_session(struct net_session *net)
{
	return proxy_front_open(net, &front);
}

static void close_session(struct net_session *net)
{
	forget_user(net_state(net));
	proxy_front_close(net);
}

const struct net_protocol proxy_pop3_protocol = {
	.name = "pop3",
	.session_size = sizeof(struct pop3_session),
	.open = open_session,
	.run = proxy_front_run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.timeout_ms = FIRST_TIMEOUT_MS,
};
