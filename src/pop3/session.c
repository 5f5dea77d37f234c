/* The life of a POP3 connection, and its table of commands. */
#include "pop3/session_internal.h"

#include "base/alloc.h"
#include "base/must.h"
#include "pop3/xclient.h"

enum { DEFAULT_TIMEOUT_MS = 10 * 60 * 1000, ERRORS_MAX = 20, INPUT_MAX = 32 * 1024 };

void pop3_set_idle_timeout(struct pop3_session *s)
{
	unsigned ms = s->service->idle_timeout_ms;
	net_set_timeout(s->net, ms ? ms : DEFAULT_TIMEOUT_MS);
}

enum pop3_run pop3_ok(struct pop3_session *s, const char *text)
{
	net_printf(s->net, "+OK %s\r\n", text);
	return POP3_GO_ON;
}

enum pop3_run pop3_err(struct pop3_session *s, const char *code, const char *text)
{
	s->errors++;
	if (code)
		net_printf(s->net, "-ERR [%s] %s\r\n", code, text);
	else
		net_printf(s->net, "-ERR %s\r\n", text);
	return POP3_GO_ON;
}

enum pop3_run pop3_failed(struct pop3_session *s, const struct err *err)
{
	bool temporary = err->class != ERR_PERMANENT && err->kind != ERR_DAMAGED;
	if (err->class != ERR_PERMANENT)
		log_error(net_log(s->net), "command failed", F_ERR(err),
			F_STR("origin", err->origin ? err->origin : ""));
	return pop3_err(s, temporary ? "SYS/TEMP" : "SYS/PERM", err->text);
}

static enum pop3_run cmd_capa(struct pop3_session *s, struct slice argument)
{
	struct buf *out = net_output(s->net);
	buf_add_str(out, "+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n");
	if (s->phase == POP3_AUTHORIZATION) {
		struct sasl_offer offer = directory_login_offer(s->net, s->service->directory);
		if (net_tls_offered(s->net))
			buf_add_str(out, "STLS\r\n");
		if (offer.plain)
			buf_add_str(out, "USER\r\n");
		buf_add_str(out, "SASL ");
		sasl_list(&offer, " ", out);
		buf_add_str(out, net_is_front_end(s->net) ? "\r\nXCLIENT\r\n" : "\r\n");
	}
	buf_add_str(out, "EXPIRE NEVER\r\nIMPLEMENTATION Rookery\r\n.\r\n");
	return POP3_GO_ON;
}

static enum pop3_run cmd_stls(struct pop3_session *s, struct slice argument)
{
	if (!net_tls_offered(s->net))
		return pop3_err(s, NULL,
			net_is_tls(s->net) ? "TLS is active already" : "There is no certificate");
	pop3_forget_user(s); /* RFC 2595 section 4: nothing said in the clear counts */
	(void)pop3_ok(s, "Begin the handshake");
	net_start_tls(s->net);
	return POP3_PARK;
}

static enum pop3_run cmd_noop(struct pop3_session *s, struct slice argument)
{
	return pop3_ok(s, "Done");
}

static enum pop3_run refuse(struct pop3_session *s, const char *text)
{
	(void)pop3_err(s, "SYS/TEMP", text);
	return POP3_CLOSE;
}

static enum pop3_run cmd_xclient(struct pop3_session *s, struct slice argument)
{
	struct net_origin_words words;
	struct net_origin origin;
	if (!net_is_front_end(s->net))
		return pop3_err(s, NULL, "You may not speak for others");
	if (!pop3_parse_xclient(argument, &words) || !net_origin_read(&words, &origin))
		return pop3_err(s, NULL, "Malformed attribute");
	switch (net_origin_take(s->net, &origin)) {
	case NET_ORIGIN_LOOP:
		return refuse(s, "Too many proxies pass this client on");
	case NET_ORIGIN_MANY:
		return refuse(s, "Too many connections from this address");
	case NET_ORIGIN_TAKEN:
		break;
	}
	log_info(net_log(s->net), "a front end passes on a client");
	return pop3_ok(s, "Updated");
}

enum { BEFORE = 1, AFTER = 2 }; /* the login */
static const struct {
	const char *name;
	unsigned when;
	enum pop3_run (*run)(struct pop3_session *s, struct slice argument);
} COMMANDS[] = {
	{"AUTH", BEFORE, pop3_cmd_auth},
	{"CAPA", BEFORE | AFTER, cmd_capa},
	{"DELE", AFTER, pop3_cmd_dele},
	{"LIST", AFTER, pop3_cmd_list},
	{"NOOP", AFTER, cmd_noop},
	{"PASS", BEFORE, pop3_cmd_pass},
	{"QUIT", BEFORE | AFTER, pop3_cmd_quit},
	{"RETR", AFTER, pop3_cmd_retr},
	{"RSET", AFTER, pop3_cmd_rset},
	{"STAT", AFTER, pop3_cmd_stat},
	{"STLS", BEFORE, cmd_stls},
	{"TOP", AFTER, pop3_cmd_top},
	{"UIDL", AFTER, pop3_cmd_uidl},
	{"USER", BEFORE, pop3_cmd_user},
	{"XCLIENT", BEFORE, cmd_xclient},
};

static enum pop3_run command(struct pop3_session *s, struct slice line)
{
	struct slice verb = slice_cut(&line, ' ');
	unsigned now = s->phase == POP3_TRANSACTION ? AFTER : BEFORE;
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
		if (!slice_eq_nocase(verb, slice_str(COMMANDS[i].name)))
			continue;
		if (!(COMMANDS[i].when & now))
			return pop3_err(s, NULL, now == BEFORE ? "Log in first" : "Not any more");
		must_doing(net_session_id(s->net), COMMANDS[i].name);
		return COMMANDS[i].run(s, line);
	}
	return pop3_err(s, NULL, "Unknown command");
}

static enum pop3_run take_line(struct pop3_session *s)
{
	struct slice input = net_input(s->net);
	ssize_t end = slice_find(input, '\n');
	size_t max = s->phase == POP3_IN_AUTH ? POP3_SASL_LINE_MAX : POP3_COMMAND_MAX;
	if (end < 0 && input.len <= max)
		return POP3_PARK;
	if (end < 0 || (size_t)end > max) {
		(void)pop3_err(s, NULL, "Line too long");
		return POP3_CLOSE;
	}
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice line = arena_copy(&arena, slice(input.ptr, (size_t)end));
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	explicit_bzero((char *)input.ptr, (size_t)end); /* it may have been PASS */
	net_consume(s->net, (size_t)end + 1);
	enum pop3_run r = s->phase == POP3_IN_AUTH ? pop3_auth_line(s, line) : command(s, line);
	explicit_bzero((char *)line.ptr, line.len);
	must_doing(NULL, NULL);
	return r;
}

/* Deletions of the session are not made: RFC 1939 section 3. */
static enum net_next go(struct pop3_session *s, const char *why)
{
	bool amid_answer = s->phase == POP3_SENDING || s->phase == POP3_LISTING;
	if (!amid_answer)
		(void)pop3_err(s, "SYS/TEMP", why);
	return amid_answer ? NET_ABORT : NET_CLOSE;
}

static enum net_next run(struct net_session *net, unsigned events)
{
	struct pop3_session *s = net_state(net);
	if (events & NET_SHUTDOWN)
		return go(s, "Server is going down, come back soon");
	if (directory_presence_is_told(s->presence))
		return go(s, "Please log in again");
	/* No deletions then: RFC 1939 section 3. */
	if ((events & NET_TIMEOUT) && s->phase != POP3_IN_PAUSE)
		return NET_ABORT;
	for (;;) {
		enum pop3_run r = s->phase == POP3_SENDING    ? pop3_send_on(s)
				  : s->phase == POP3_LISTING  ? pop3_list_on(s)
				  : s->phase == POP3_IN_PAUSE ? pop3_auth_pause(s)
							      : take_line(s);
		if (r == POP3_CLOSE || s->errors > ERRORS_MAX)
			return NET_CLOSE;
		if (r == POP3_WAIT_OUTPUT || (r == POP3_GO_ON && net_output_full(net)))
			return NET_WAIT_OUTPUT;
		if (r == POP3_PARK)
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
	}
}

static enum net_next open_session(struct net_session *net)
{
	struct pop3_session *s = net_state(net);
	s->net = net;
	s->service = net_service(net);
	pop3_set_idle_timeout(s);
	/* In brackets is where Dovecot's proxies look. */
	net_printf(net, "+OK %s%s Rookery ready\r\n", net_is_front_end(net) ? "[XCLIENT] " : "",
		s->service->hostname);
	return NET_WAIT_INPUT;
}

static void close_session(struct net_session *net)
{
	struct pop3_session *s = net_state(net);
	pop3_auth_end(s);
	pop3_close_maildrop(s);
	directory_sessions_remove(s->service->sessions, s->presence);
	s->presence = NULL;
	pop3_forget_user(s);
}

const struct net_protocol pop3_protocol = {
	.name = "pop3",
	.session_size = sizeof(struct pop3_session),
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.timeout_ms = DEFAULT_TIMEOUT_MS,
};
