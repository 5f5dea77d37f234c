/* The server's half of submission, up to the login. */
#include "proxy/submission.h"

#include "base/alloc.h"
#include "base/must.h"
#include "envelope/command.h"
#include "envelope/xclient.h"
#include "net/origin.h"
#include "proxy/front.h"
#include "proxy/submission_answer.h"
#include "smtp/login_words.h"

enum {
	ERRORS_MAX = 20,
	INPUT_MAX = 64 * 1024, /* with what is pipelined behind the login */
	FIRST_TIMEOUT_MS = 60 * 1000,
};

struct submission_session {
	struct proxy_session p; /* first */
	char *helo;             /* as the client says it; NULL: not yet */
	char *told_helo;        /* as a front end says it; NULL: it did not */
	bool extended;
	unsigned errors;
};

static struct submission_session *of(struct proxy_session *p)
{
	return (struct submission_session *)p;
}

static enum proxy_run reply(
	struct proxy_session *p, unsigned code, const char *status, const char *text)
{
	net_printf(p->net, "%u %s%s%s\r\n", code, status ? status : "", status ? " " : "", text);
	return code < 500 || ++of(p)->errors < ERRORS_MAX ? PROXY_GO_ON : PROXY_CLOSE;
}

static void forget_hello(struct proxy_session *p)
{
	free(of(p)->helo);
	of(p)->helo = NULL;
	of(p)->extended = false;
}

static void write_extensions(struct proxy_session *p)
{
	AUTO(buf_free) struct buf heard = BUF(PROXY_CAPABILITIES_MAX);
	struct sasl_offer offer = proxy_login_offer(p);
	struct buf *out = net_output(p->net);
	if (!proxy_backends_capabilities(p->proxy->backends, PROXY_SUBMISSION, &heard))
		buf_add_str(&heard, "8BITMIME\r\nENHANCEDSTATUSCODES\r\n");
	buf_printf(out, "250-%s\r\n", p->proxy->settings->hostname);
	proxy_submission_announce(buf_slice(&heard), net_is_tls(p->net), out);
	if (net_tls_offered(p->net))
		buf_add_str(out, "250-STARTTLS\r\n");
	if (net_is_front_end(p->net))
		buf_add_str(out, "250-XCLIENT " ENVELOPE_XCLIENT_OFFER "\r\n");
	if (offer.plain || offer.scram || offer.token) {
		buf_add_str(out, "250-AUTH ");
		sasl_list(&offer, " ", out);
		buf_add_str(out, "\r\n");
	}
	buf_add_str(out, "250 HELP\r\n");
}

static enum proxy_run hello(struct proxy_session *p, struct slice name, bool extended)
{
	name = slice_cut(&name, ' ');
	if (!envelope_is_domain(name))
		return reply(p, 501, "5.5.2", "Say who you are: a domain or an address literal");
	forget_hello(p);
	of(p)->helo = slice_dup(of(p)->told_helo ? slice_str(of(p)->told_helo) : name);
	of(p)->extended = extended;
	if (!extended)
		return reply(p, 250, NULL, p->proxy->settings->hostname);
	write_extensions(p);
	return PROXY_GO_ON;
}

static enum proxy_run starttls(struct proxy_session *p, struct slice arguments)
{
	if (arguments.len > 0)
		return reply(p, 501, "5.5.4", "STARTTLS has no parameter");
	if (!net_tls_offered(p->net))
		return reply(p, 502, "5.5.1",
			net_is_tls(p->net) ? "TLS is active already" : "There is no certificate");
	(void)reply(p, 220, "2.0.0", "Begin the handshake");
	net_start_tls(p->net);
	return PROXY_PARK;
}

static enum proxy_run auth(struct proxy_session *p, struct slice arguments)
{
	struct slice mechanism = slice_cut(&arguments, ' ');
	arguments = slice_trim(arguments);
	if (!of(p)->helo || !of(p)->extended)
		return reply(p, 503, "5.5.1", "EHLO first");
	if (!net_is_secure(p->net))
		return reply(p, 538, "5.7.11", "STARTTLS first");
	return proxy_front_answer(p, proxy_login_sasl(p, of(p)->helo, mechanism,
					     arguments.len > 0 ? arguments : SLICE_NONE));
}

static void greet(struct proxy_session *p)
{
	net_printf(p->net, "220 %s ESMTP Rookery\r\n", p->proxy->settings->hostname);
}

/* A front end of ours says who its client is; the session begins anew then. */
static enum proxy_run xclient(struct proxy_session *p, struct slice arguments)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	struct net_origin origin;
	if (!net_is_front_end(p->net))
		return reply(p, 550, "5.7.0", "You may not speak for others");
	if (!envelope_parse_xclient(arguments, &arena, &x))
		return reply(p, 501, "5.5.4", "Unknown or malformed attribute");
	const struct net_origin_words words = {
		.client = x.is[ENVELOPE_XCLIENT_ADDR].text,
		.client_port = x.is[ENVELOPE_XCLIENT_PORT].text,
		.local = x.is[ENVELOPE_XCLIENT_DESTADDR].text,
		.local_port = x.is[ENVELOPE_XCLIENT_DESTPORT].text,
		.session = x.is[ENVELOPE_XCLIENT_SESSION].text,
		.ttl = x.is[ENVELOPE_XCLIENT_TTL].text,
	};
	struct slice name = x.is[ENVELOPE_XCLIENT_HELO].text;
	if (!net_origin_read(&words, &origin) || (name.len > 0 && !envelope_is_domain(name)))
		return reply(p, 501, "5.5.4", "Malformed address, port, session, TTL or HELO");
	if (proxy_session_become(p, &origin) != 0) {
		(void)reply(p, 421, "4.7.0", "Too many proxies, or connections");
		return PROXY_CLOSE;
	}
	forget_hello(p);
	free(of(p)->told_helo);
	of(p)->told_helo = name.len > 0 ? slice_dup(name) : NULL;
	greet(p);
	return PROXY_GO_ON;
}

static enum proxy_run execute(struct proxy_session *p, struct slice line)
{
	struct slice arguments;
	switch (envelope_cut_verb(line, &arguments)) {
	case ENVELOPE_EHLO:
		return hello(p, arguments, true);
	case ENVELOPE_HELO:
		return hello(p, arguments, false);
	case ENVELOPE_AUTH:
		return auth(p, arguments);
	case ENVELOPE_STARTTLS:
		return starttls(p, arguments);
	case ENVELOPE_XCLIENT:
		return xclient(p, arguments);
	case ENVELOPE_NOOP:
	case ENVELOPE_RSET:
		return reply(p, 250, "2.0.0", "Done");
	case ENVELOPE_HELP:
		return reply(p, 214, "2.0.0", "See RFC 6409");
	case ENVELOPE_QUIT:
		(void)reply(p, 221, "2.0.0", "Good bye");
		return PROXY_CLOSE;
	case ENVELOPE_UNKNOWN:
		return reply(p, 500, "5.5.2", "Unknown command");
	default:
		return reply(p, 530, "5.7.0", "Log in first");
	}
}

static enum proxy_run take(struct proxy_session *p)
{
	struct slice line;
	enum proxy_run r = proxy_front_line(p, PROXY_FRONT_SASL_MAX, &line);
	if (r != PROXY_GO_ON)
		return r;
	size_t len = (size_t)slice_find(net_input(p->net), '\n') + 1;
	must_doing(net_session_id(p->net), "a command of submission");
	r = execute(p, line);
	proxy_front_drop(p, len);
	return r;
}

static enum proxy_run refuse(struct proxy_session *p, enum directory_login_outcome outcome,
	const struct proxy_answer *answer)
{
	const char *text = smtp_login_words[outcome].text;
	if (answer->words.len > 0) {
		net_printf(p->net, "%.*s\r\n", SLICE_ARG(buf_slice(&answer->words)));
		return PROXY_GO_ON;
	}
	if (outcome == DIRECTORY_LOGIN_DENIED)
		text = directory_login_reason(p->login);
	return reply(p, smtp_login_words[outcome].code, smtp_login_words[outcome].status, text);
}

static void welcome(struct proxy_session *p, const struct proxy_answer *answer)
{
	net_printf(p->net, "%.*s\r\n", SLICE_ARG(buf_slice(&answer->words)));
}

static void challenge(struct proxy_session *p, const char *text)
{
	(void)reply(p, 334, NULL, text);
}

#define STOPPING "421 4.3.2 Server is going down, come back soon\r\n"
static const struct proxy_front front = {
	.dialog = &proxy_submission_dialog,
	.greet = greet,
	.take = take,
	.challenge = challenge,
	.welcome = welcome,
	.refuse = refuse,
	.secured = forget_hello, /* RFC 3207 section 4.2: nothing is known any more */
	.refused = "421 4.7.0 Too many wrong passwords\r\n",
	.timed_out = "421 4.4.2 Timed out\r\n",
	.too_long = "500 5.5.6 Line too long\r\n",
	.stopping = STOPPING,
	.farewell = STOPPING,
};

static enum net_next open_session(struct net_session *net)
{
	return proxy_front_open(net, &front);
}

static void close_session(struct net_session *net)
{
	struct proxy_session *p = net_state(net);
	forget_hello(p);
	free(of(p)->told_helo);
	proxy_front_close(net);
}

const struct net_protocol proxy_submission_protocol = {
	.name = "submission",
	.session_size = sizeof(struct submission_session),
	.open = open_session,
	.run = proxy_front_run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.timeout_ms = FIRST_TIMEOUT_MS,
	.refusal = "421 4.7.0 Too many connections from your address\r\n",
};
