/* The life of an SMTP connection: lines are commands, until DATA, BDAT or AUTH says what the next
 * bytes are. Commands that came together are answered together. */
#include "smtp/session_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

enum {
	DEFAULT_TIMEOUT_MS = 5 * 60 * 1000, /* RFC 5321 section 4.5.3.2 */
	DEFAULT_DATA_TIMEOUT_MS = 3 * 60 * 1000,
	AUTH_LINE_MAX = 12288, /* RFC 4954 sections 4 and 4.2 */
	CALL_STEPS = 256,      /* commands a call; then others have their turn */
	DEFAULT_ERRORS_MAX = 20,
	INPUT_MAX = 256 * 1024,
};

#define REFUSAL "421 4.7.0 Too many connections from your address\r\n"

static unsigned timeout_ms(const struct smtp_session *s)
{
	const struct smtp_service *service = s->service;
	if (s->phase == SMTP_IN_DATA || s->phase == SMTP_IN_CHUNK)
		return service->data_timeout_ms ? service->data_timeout_ms
						: DEFAULT_DATA_TIMEOUT_MS;
	return service->command_timeout_ms ? service->command_timeout_ms : DEFAULT_TIMEOUT_MS;
}

uint64_t smtp_message_max(const struct smtp_session *s)
{
	uint64_t max = s->service->message_max ? s->service->message_max : 64u << 20;
	return smtp_is_lmtp(s) ? max + SMTP_FIELDS_MAX : max;
}

static void greet(struct smtp_session *s)
{
	net_printf(s->net, "220 %s %s Rookery\r\n", s->service->hostname,
		smtp_is_lmtp(s) ? "LMTP" : "ESMTP");
}

static void forget_greeting(struct smtp_session *s)
{
	free(s->helo);
	s->helo = NULL;
	s->extended = false;
	smtp_transaction_end(s);
	smtp_forget(s);
}

void smtp_greet_anew(struct smtp_session *s)
{
	forget_greeting(s);
	greet(s);
}

static enum net_next open_session(struct net_session *net)
{
	struct smtp_session *s = net_state(net);
	s->net = net;
	s->service = net_service(net);
	net_set_timeout(net, timeout_ms(s));
	atomic_fetch_add_explicit(&s->service->figures.connections, 1, memory_order_relaxed);
	greet(s);
	return NET_WAIT_INPUT;
}

static bool too_many_errors(const struct smtp_session *s)
{
	uint32_t max = s->service->errors_max ? s->service->errors_max : DEFAULT_ERRORS_MAX;
	return s->errors >= max && !smtp_is_ours(s);
}

static bool is_auth(const struct smtp_session *s, struct slice line)
{
	return s->phase == SMTP_IN_AUTH || slice_starts_nocase(line, SLICE("AUTH "));
}

/* One line of the input, as a command or as AUTH's next message. It stays in the input until it
 * has been carried out, for its parameters point there. */
static enum smtp_run take_line(struct smtp_session *s)
{
	struct slice input = net_input(s->net);
	ssize_t end = slice_find(input, '\n');
	if (end < 0) {
		if (input.len <= AUTH_LINE_MAX)
			return SMTP_PARK;
		(void)smtp_reply(s, 500, "5.5.6", "Line too long");
		return SMTP_CLOSE;
	}
	struct slice line = slice(input.ptr, (size_t)end);
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	enum smtp_run r;
	must_doing(net_session_id(s->net), "an SMTP command");
	bool auth = is_auth(s, line);
	if (line.len > (auth ? AUTH_LINE_MAX : ENVELOPE_LINE_MAX)) {
		smtp_auth_end(s);
		r = smtp_reply(s, 500, "5.5.6", "Line too long");
	} else if (s->phase == SMTP_IN_AUTH) {
		r = smtp_auth_line(s, line);
	} else {
		r = smtp_command(s, line);
	}
	if (auth)
		explicit_bzero((char *)line.ptr, line.len); /* it may have held a password */
	net_consume(s->net, (size_t)end + 1);
	return r;
}

static enum smtp_run step(struct smtp_session *s)
{
	switch (s->phase) {
	case SMTP_IN_DATA:
		return smtp_data_input(s);
	case SMTP_IN_CHUNK:
		return smtp_chunk_input(s);
	case SMTP_IN_PAUSE:
		return smtp_auth_pause(s);
	case SMTP_COMMANDS:
	case SMTP_IN_AUTH:
		break;
	}
	return take_line(s);
}

static enum net_next run(struct net_session *net, unsigned events)
{
	struct smtp_session *s = net_state(net);
	if (events & NET_SHUTDOWN) {
		(void)smtp_reply(s, 421, "4.3.2", "Server is going down, come back soon");
		return NET_CLOSE;
	}
	if (directory_presence_is_told(s->presence)) {
		(void)smtp_reply(s, 421, "4.3.2", "Please log in again");
		return NET_CLOSE;
	}
	if ((events & NET_TIMEOUT) && s->phase != SMTP_IN_PAUSE) {
		(void)smtp_reply(s, 421, "4.4.2", "Timed out");
		return NET_CLOSE;
	}
	if (events & NET_SECURED) /* RFC 3207 section 4.2: nothing is known any more */
		forget_greeting(s);
	/* Outside commands a step may have to follow though no input is left. */
	for (unsigned steps = 0; steps < CALL_STEPS || s->phase != SMTP_COMMANDS; steps++) {
		enum smtp_run r = step(s);
		must_doing(NULL, NULL);
		if (r == SMTP_CLOSE)
			return NET_CLOSE;
		if (too_many_errors(s)) {
			(void)smtp_reply(s, 421, "4.7.0", "Too many errors");
			return NET_CLOSE;
		}
		if (r == SMTP_PARK)
			break; /* if the client has gone, the loop closes */
		if (net_output_full(net))
			return NET_WAIT_OUTPUT;
	}
	if (s->phase != SMTP_IN_PAUSE)
		net_set_timeout(net, timeout_ms(s));
	return NET_WAIT_INPUT;
}

static void close_session(struct net_session *net)
{
	struct smtp_session *s = net_state(net);
	smtp_auth_end(s);
	smtp_transaction_end(s);
	smtp_forget(s);
	smtp_xclient_end(s);
	directory_sessions_remove(s->service->sessions, s->presence);
	free(s->helo);
	free(s->user);
}

/* They differ in their service alone. */
#define PROTOCOL(its_name)                                                                         \
	{                                                                                          \
		.name = (its_name), .session_size = sizeof(struct smtp_session),                   \
		.open = open_session, .run = run, .close = close_session, .input_max = INPUT_MAX,  \
		.timeout_ms = DEFAULT_TIMEOUT_MS, .refusal = REFUSAL                               \
	}
const struct net_protocol smtp_protocol = PROTOCOL("smtp");
const struct net_protocol smtp_submission_protocol = PROTOCOL("submission");
const struct net_protocol smtp_lmtp_protocol = PROTOCOL("lmtp");
