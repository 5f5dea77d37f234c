/* A milter, from hello to goodbye: what both sides can do, and SMTP's commands. */
#include "filter/milter.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "filter/milter_internal.h"

enum {
	CONNECT_MS = 10 * 1000,
	COMMAND_MS = 30 * 1000,
	END_MS = 5 * 60 * 1000,
	BODY_MAX = 64 * 1024 * 1024,
	OUT_MAX = 1024 * 1024, /* a step with its macros */
};

static const struct milter_step CONNECT = {
	MILTER_CONNECT, MILTER_AT_CONNECT, MILTER_NO_CONNECT, MILTER_SILENT_CONNECT};
static const struct milter_step HELO = {
	MILTER_HELO, MILTER_AT_HELO, MILTER_NO_HELO, MILTER_SILENT_HELO};
static const struct milter_step MAIL = {
	MILTER_MAIL, MILTER_AT_MAIL, MILTER_NO_MAIL, MILTER_SILENT_MAIL};
static const struct milter_step RCPT = {
	MILTER_RCPT, MILTER_AT_RCPT, MILTER_NO_RCPT, MILTER_SILENT_RCPT};
static const struct milter_step DATA = {
	MILTER_DATA, MILTER_AT_DATA, MILTER_NO_DATA, MILTER_SILENT_DATA};
static int negotiate(struct filter_milter *m, struct err *err)
{
	struct filter_milter_frame frame;
	struct filter_milter_negotiation n;
	static const uint32_t OFFER[] = {
		FILTER_MILTER_VERSION, MILTER_MAY_ALL, MILTER_STEPS_OFFERED};
	size_t begin = filter_milter_begin(&m->out, MILTER_NEGOTIATE);
	for (size_t i = 0; i < ARRAY_LEN(OFFER); i++)
		for (int shift = 24; shift >= 0; shift -= 8)
			buf_add_byte(&m->out, (char)(OFFER[i] >> shift));
	filter_milter_end(&m->out, begin);
	milter_send(m);
	if (milter_read_frame(m, clock_mono_ms() + m->options.connect_ms, &frame, err) < 0)
		return -1;
	if (frame.kind != MILTER_NEGOTIATE || !filter_milter_read_negotiation(frame.data, &n) ||
		(n.steps & ~(uint32_t)MILTER_STEPS_OFFERED) != 0)
		return milter_not_understood(m, err);
	m->version = n.version;
	m->steps = n.steps;
	if (n.version < FILTER_MILTER_VERSION_DATA)
		m->steps |= MILTER_NO_DATA;
	milter_macros_want(&m->macros, &n);
	return 0;
}

int filter_milter_open(
	const struct filter_milter_options *options, struct filter_milter **ret, struct err *err)
{
	struct filter_milter *m = ALLOC(struct filter_milter);
	m->options = *options;
	struct filter_milter_options *o = &m->options;
	o->connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;
	o->command_ms = o->command_ms ? o->command_ms : COMMAND_MS;
	o->end_ms = o->end_ms ? o->end_ms : END_MS;
	o->body_max = o->body_max ? o->body_max : BODY_MAX;
	m->message_until = INT64_MAX;
	m->out = BUF(OUT_MAX);
	m->in = BUF(FILTER_MILTER_FRAME_MAX + FILTER_MILTER_HEAD);
	m->text = BUF(1024);
	struct net_client_options to = {.address = o->address, .timeout_ms = o->connect_ms};
	if (net_client_connect(&to, &m->net, err) != 0 ? milter_broken(m, err)
						       : negotiate(m, err)) {
		filter_milter_close(m);
		return -1;
	}
	*ret = m;
	return 0;
}

void filter_milter_close(struct filter_milter *m)
{
	if (!m)
		return;
	if (m->net && m->state != MILTER_BROKEN) {
		size_t begin = filter_milter_begin(&m->out, MILTER_QUIT);
		filter_milter_end(&m->out, begin);
		milter_send(m);
		net_client_set_timeout(m->net, 1000);
		(void)!net_client_flush(m->net, NULL);
	}
	net_client_close(m->net);
	milter_macros_free(&m->macros);
	buf_free(&m->out);
	buf_free(&m->in);
	buf_free(&m->text);
	free(m);
}

bool filter_milter_is_open(struct filter_milter *m)
{
	if (m->state == MILTER_BROKEN)
		return false;
	filter_milter_abort(m);
	return m->state != MILTER_BROKEN && net_client_is_quiet(m->net);
}

void filter_milter_set(struct filter_milter *m, const char *name, struct slice value)
{
	milter_macros_set(&m->macros, name, value);
}

static void add_client(struct buf *to, const struct net_address *client)
{
	char text[NET_ADDRESS_TEXT];
	struct net_address plain = *client;
	net_address_normalise(&plain);
	net_address_host(&plain, text);
	int family = plain.len ? plain.storage.ss_family : AF_UNSPEC;
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) {
		buf_add_byte(to, 'U');
		return;
	}
	uint16_t port = net_address_port(&plain);
	buf_add_byte(to, family == AF_INET ? '4' : family == AF_INET6 ? '6' : 'L');
	buf_add_byte(to, (char)(port >> 8));
	buf_add_byte(to, (char)port);
	filter_milter_add_text(to, slice_str(text));
}

int filter_milter_connect(struct filter_milter *m, struct slice host,
	const struct net_address *client, struct filter_milter_verdict *ret_verdict,
	struct err *err)
{
	size_t begin;
	int r;
	if (milter_is_over(m, ret_verdict, &r, err) || !milter_begin_step(m, &CONNECT, &begin))
		return r;
	filter_milter_add_text(&m->out, host);
	add_client(&m->out, client);
	return milter_finish_step(m, &CONNECT, begin, ret_verdict, err);
}

int filter_milter_helo(struct filter_milter *m, struct slice helo,
	struct filter_milter_verdict *ret_verdict, struct err *err)
{
	size_t begin;
	int r;
	if (milter_is_over(m, ret_verdict, &r, err) || !milter_begin_step(m, &HELO, &begin))
		return r;
	filter_milter_add_text(&m->out, helo);
	return milter_finish_step(m, &HELO, begin, ret_verdict, err);
}

/* "<address>", then each parameter. */
static int address_step(struct filter_milter *m, const struct milter_step *step,
	struct slice address, struct slice args, struct filter_milter_verdict *ret, struct err *err)
{
	size_t begin;
	if (!milter_begin_step(m, step, &begin))
		return 0;
	buf_add_byte(&m->out, '<');
	buf_add_slice(&m->out, address);
	buf_add_str(&m->out, ">");
	buf_add_byte(&m->out, '\0');
	while (args.len > 0) {
		struct slice one = slice_cut(&args, ' ');
		if (one.len > 0)
			filter_milter_add_text(&m->out, one);
	}
	return milter_finish_step(m, step, begin, ret, err);
}

int filter_milter_mail(struct filter_milter *m, struct slice sender, struct slice args,
	struct filter_milter_verdict *ret_verdict, struct err *err)
{
	int r;
	filter_milter_abort(m);
	if (milter_is_over(m, ret_verdict, &r, err))
		return r;
	m->in_message = true;
	return address_step(m, &MAIL, sender, args, ret_verdict, err);
}

int filter_milter_rcpt(struct filter_milter *m, struct slice recipient, struct slice args,
	struct filter_milter_verdict *ret_verdict, struct err *err)
{
	int r;
	if (milter_is_over(m, ret_verdict, &r, err))
		return r;
	return address_step(m, &RCPT, recipient, args, ret_verdict, err);
}

int filter_milter_data(
	struct filter_milter *m, struct filter_milter_verdict *ret_verdict, struct err *err)
{
	return milter_bare_step(m, &DATA, ret_verdict, err);
}

void filter_milter_abort(struct filter_milter *m)
{
	if (m->state == MILTER_LEFT_MESSAGE)
		m->state = MILTER_OPEN;
	if (!m->in_message || m->state != MILTER_OPEN)
		return;
	m->in_message = false;
	size_t begin = filter_milter_begin(&m->out, MILTER_ABORT);
	filter_milter_end(&m->out, begin);
	milter_send(m);
	if (net_client_flush(m->net, NULL) != 0)
		m->state = MILTER_BROKEN;
}
