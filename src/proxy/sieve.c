/* The server's half of ManageSieve, up to the login. */
#include "proxy/sieve.h"

#include "base/must.h"
#include "net/origin.h"
#include "pop3/xclient.h"
#include "proxy/front.h"
#include "proxy/sieve_line.h"

enum {
	ERRORS_MAX = 10,
	INPUT_MAX = 64 * 1024, /* with what is pipelined behind the login */
	FIRST_TIMEOUT_MS = 60 * 1000,
};

struct sieve_session {
	struct proxy_session p; /* first */
	unsigned errors;
};

static struct sieve_session *of(struct proxy_session *p)
{
	return (struct sieve_session *)p;
}

/* `code` without parentheses; NULL: none. */
static enum proxy_run no(struct proxy_session *p, const char *code, const char *text)
{
	struct buf *out = net_output(p->net);
	buf_add_str(out, "NO ");
	if (code)
		buf_printf(out, "(%s) ", code);
	proxy_sieve_quote(out, slice_str(text));
	buf_add_str(out, "\r\n");
	return ++of(p)->errors < ERRORS_MAX ? PROXY_GO_ON : PROXY_CLOSE;
}

static enum proxy_run ok(struct proxy_session *p, const char *text)
{
	net_printf(p->net, "OK \"%s\"\r\n", text);
	return PROXY_GO_ON;
}

static void write_capabilities(struct proxy_session *p)
{
	AUTO(buf_free) struct buf heard = BUF(PROXY_CAPABILITIES_MAX);
	struct sasl_offer offer = proxy_login_offer(p);
	struct buf *out = net_output(p->net);
	if (!proxy_backends_capabilities(p->proxy->backends, PROXY_MANAGESIEVE, &heard))
		buf_add_str(&heard, "\"IMPLEMENTATION\" \"Rookery\"\r\n\"SIEVE\" \"fileinto\"\r\n"
				    "\"VERSION\" \"1.0\"\r\n");
	proxy_sieve_announce(buf_slice(&heard), out);
	buf_add_str(out, "\"SASL\" \"");
	sasl_list(&offer, " ", out);
	buf_add_str(out, "\"\r\n");
	if (net_tls_offered(p->net))
		buf_add_str(out, "\"STARTTLS\"\r\n");
	if (net_is_front_end(p->net))
		buf_add_str(out, "\"XCLIENT\" \"ADDR PORT SESSION TTL\"\r\n");
	buf_printf(out, "OK \"%s Rookery ready\"\r\n", p->proxy->settings->hostname);
}

static enum proxy_run cmd_capability(
	struct proxy_session *p, const struct slice *arguments, size_t count)
{
	write_capabilities(p);
	return PROXY_GO_ON;
}

static enum proxy_run cmd_starttls(
	struct proxy_session *p, const struct slice *arguments, size_t count)
{
	if (!net_tls_offered(p->net))
		return no(p, NULL,
			net_is_tls(p->net) ? "TLS is active already" : "There is no certificate");
	(void)ok(p, "Begin the handshake");
	net_start_tls(p->net);
	return PROXY_PARK;
}

static enum proxy_run cmd_logout(
	struct proxy_session *p, const struct slice *arguments, size_t count)
{
	(void)ok(p, "Good bye");
	return PROXY_CLOSE;
}

/* RFC 5804 section 2.13: its text comes back. */
static enum proxy_run cmd_noop(struct proxy_session *p, const struct slice *arguments, size_t count)
{
	struct buf *out = net_output(p->net);
	if (count == 0)
		return ok(p, "Done");
	buf_add_str(out, "OK (TAG ");
	proxy_sieve_quote(out, arguments[0]);
	buf_add_str(out, ") \"Done\"\r\n");
	return PROXY_GO_ON;
}

static enum proxy_run cmd_authenticate(
	struct proxy_session *p, const struct slice *arguments, size_t count)
{
	if (count < 1 || count > 2)
		return no(p, NULL, "AUTHENTICATE takes a mechanism and a message");
	if (!net_is_secure(p->net))
		return no(p, "ENCRYPT-NEEDED", "Not without TLS");
	return proxy_front_answer(
		p, proxy_login_sasl(p, NULL, arguments[0], count > 1 ? arguments[1] : SLICE_NONE));
}

/* A front end of ours says who its client is, in the words that POP3 has for it. */
static enum proxy_run cmd_xclient(
	struct proxy_session *p, const struct slice *arguments, size_t count)
{
	AUTO(buf_free) struct buf text = BUF(1024);
	struct net_origin_words words;
	struct net_origin origin;
	if (!net_is_front_end(p->net))
		return no(p, NULL, "You may not speak for others");
	for (size_t i = 0; i < count; i++) {
		buf_add_str(&text, " ");
		buf_add_slice(&text, arguments[i]);
	}
	if (text.failed || !pop3_parse_xclient(buf_slice(&text), &words) ||
		!net_origin_read(&words, &origin))
		return no(p, NULL, "Malformed attribute");
	if (proxy_session_become(p, &origin) == 0)
		return ok(p, "Updated");
	net_write_str(p->net, "BYE (TRYLATER) \"Too many proxies, or connections\"\r\n");
	return PROXY_CLOSE;
}

static const struct {
	const char *name;
	enum proxy_run (*run)(struct proxy_session *p, const struct slice *arguments, size_t count);
} COMMANDS[] = {
	{"AUTHENTICATE", cmd_authenticate},
	{"CAPABILITY", cmd_capability},
	{"LOGOUT", cmd_logout},
	{"NOOP", cmd_noop},
	{"STARTTLS", cmd_starttls},
	{"XCLIENT", cmd_xclient},
};

static enum proxy_run execute(struct proxy_session *p, const struct proxy_sieve_words *words)
{
	if (words->count == 0)
		return no(p, NULL, "Expected a command");
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		if (slice_eq_nocase(words->at[0], slice_str(COMMANDS[i].name))) {
			must_doing(net_session_id(p->net), COMMANDS[i].name);
			return COMMANDS[i].run(p, words->at + 1, words->count - 1);
		}
	return no(p, NULL, "Log in first");
}

static enum proxy_run too_long(struct proxy_session *p)
{
	net_write_str(p->net, p->front->too_long);
	return PROXY_CLOSE;
}

/* Quoted words are copies. The input, which may be gone by now, is only compared with. */
static void wipe_copies(const struct proxy_sieve_words *words, struct slice input)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *at = words->at[i].ptr;
		bool is_copy = at < input.ptr || at >= input.ptr + input.len;
		if (words->at[i].len > 0 && is_copy)
			explicit_bzero((char *)at, words->at[i].len);
	}
}

static enum proxy_run take(struct proxy_session *p)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct proxy_sieve_words words;
	struct slice input = net_input(p->net);
	enum proxy_run r;
	switch (proxy_sieve_read(input, &arena, &words)) {
	case PROXY_SIEVE_MORE:
		return input.len > PROXY_SIEVE_COMMAND_MAX ? too_long(p) : PROXY_PARK;
	case PROXY_SIEVE_BAD:
		if (words.len == 0)
			return too_long(p);
		r = no(p, NULL, "Malformed command");
		break;
	default:
		r = execute(p, &words);
		wipe_copies(&words, input);
		break;
	}
	proxy_front_drop(p, words.len);
	return r;
}

/* A message of SASL is a string, in a line of its own. */
static size_t cut_line(struct proxy_session *p, struct slice input, struct slice *ret_line)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct proxy_sieve_words words;
	switch (proxy_sieve_read(input, &arena, &words)) {
	case PROXY_SIEVE_MORE:
		return 0;
	case PROXY_SIEVE_LINE:
		if (words.count == 1) { /* base64 needs no escapes: it stands in the input */
			ssize_t at = slice_search(slice_sub(input, 0, words.len), words.at[0]);
			*ret_line = slice_sub(input, (size_t)MAX(at, 0), words.at[0].len);
			return words.len;
		}
		break;
	default:
		break;
	}
	*ret_line = SLICE("not base64");
	return words.len > 0 ? words.len : input.len;
}

/* Of what refuses a login. */
static const struct {
	const char *code, *text;
} WORDS[] = {
	[DIRECTORY_LOGIN_REFUSED] = {NULL, "Wrong user or password"},
	[DIRECTORY_LOGIN_REFUSED_LAST] = {NULL, "Wrong user or password"},
	[DIRECTORY_LOGIN_DENIED] = {NULL, NULL}, /* the reason */
	[DIRECTORY_LOGIN_NOT_NOW] = {"TRYLATER", "Your scripts can't be reached just now"},
	[DIRECTORY_LOGIN_BLOCKED] = {"TRYLATER",
		"Too many failed logins from your address, wait a while"},
	[DIRECTORY_LOGIN_NO_MECHANISM] = {NULL, "No such mechanism here; is TLS on?"},
	[DIRECTORY_LOGIN_CANCELLED] = {NULL, "Cancelled"},
	[DIRECTORY_LOGIN_NOT_BASE64] = {NULL, "Expected base64"},
	[DIRECTORY_LOGIN_MALFORMED] = {NULL, "Not what the mechanism expects"},
	[DIRECTORY_LOGIN_TOO_LONG] = {NULL, "Line too long"},
};

static enum proxy_run refuse(struct proxy_session *p, enum directory_login_outcome outcome,
	const struct proxy_answer *answer)
{
	if (answer->words.len > 0) {
		net_printf(p->net, "%.*s\r\n", SLICE_ARG(buf_slice(&answer->words)));
		return PROXY_GO_ON;
	}
	return no(p, WORDS[outcome].code,
		outcome == DIRECTORY_LOGIN_DENIED ? directory_login_reason(p->login)
						  : WORDS[outcome].text);
}

static void welcome(struct proxy_session *p, const struct proxy_answer *answer)
{
	net_printf(p->net, "%.*s\r\n", SLICE_ARG(buf_slice(&answer->words)));
}

static void challenge(struct proxy_session *p, const char *text)
{
	net_printf(p->net, "\"%s\"\r\n", text);
}

#define STOPPING "BYE (TRYLATER) \"Server is going down, come back soon\"\r\n"
static const struct proxy_front front = {
	.dialog = &proxy_sieve_dialog,
	.greet = write_capabilities,
	.take = take,
	.cut_line = cut_line,
	.challenge = challenge,
	.welcome = welcome,
	.refuse = refuse,
	.secured = write_capabilities, /* RFC 5804 section 2.2 */
	.refused = "BYE \"Too many wrong passwords\"\r\n",
	.timed_out = "BYE \"Idle for too long\"\r\n",
	.too_long = "BYE \"Too long\"\r\n",
	.stopping = STOPPING,
	.farewell = STOPPING,
};

static enum net_next open_session(struct net_session *net)
{
	return proxy_front_open(net, &front);
}

const struct net_protocol proxy_sieve_protocol = {
	.name = "managesieve",
	.session_size = sizeof(struct sieve_session),
	.open = open_session,
	.run = proxy_front_run,
	.close = proxy_front_close,
	.input_max = INPUT_MAX,
	.timeout_ms = FIRST_TIMEOUT_MS,
};
