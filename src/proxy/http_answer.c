/* The two ways of a request that went to a back end: its body there, the answer back. */
#include "proxy/http_internal.h"

#include "base/clock.h"
#include "base/must.h"
#include "directory/login.h"
#include "net/join.h"

/* To the back end; and kept, as long as all of it fits. */
static void send_up(struct proxy_http_session *s, struct slice bytes)
{
	struct proxy_http_request *r = s->request;
	net_far_write(s->net, bytes);
	if (r->kept.len == 0)
		return;
	if (bytes.len > r->kept.cap - r->kept.len) {
		explicit_bzero(r->kept.data, r->kept.cap);
		buf_free(&r->kept);
		return;
	}
	buf_add_slice(&r->kept, bytes);
}

static void send_piece_up(struct proxy_http_session *s, struct slice piece)
{
	s->request->up_bytes += piece.len;
	if (s->request->up.framing != HTTP_CHUNKED) {
		send_up(s, piece);
		return;
	}
	AUTO(buf_free) struct buf chunk = BUF(SIZE_MAX / 2);
	if (buf_reserve(&chunk, piece.len + HTTP_CHUNK_FRAME))
		http_chunk_add(&chunk, piece);
	send_up(s, buf_slice(&chunk));
}

/* Half a request is none: the back end's connection is closed, so that it sees that. */
static enum proxy_http_next bad_body(struct proxy_http_session *s)
{
	proxy_http_leave(s);
	if (s->phase != PROXY_HTTP_ASKED)
		return PROXY_HTTP_ABORT;
	s->request->keeps = false;
	return proxy_http_refuse(s, 400, "The body of the request is malformed.");
}

/* As much of the request's body as is there and the back end takes. Wait: that was all. */
static enum proxy_http_next move_up(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	while (!r->up_done && !net_far_ended(s->net) && !net_far_full(s->net)) {
		struct slice input = net_input(s->net), rest = input, piece = SLICE_NONE;
		enum http_piece got = http_body_next(&r->up, &rest, &piece);
		if (got == HTTP_PIECE)
			send_piece_up(s, piece);
		net_consume(s->net, input.len - rest.len);
		if (got == HTTP_PIECE_BAD) {
			return bad_body(s);
		}
		if (got == HTTP_PIECE_MORE)
			return s->ended ? PROXY_HTTP_ABORT : PROXY_HTTP_WAIT;
		if (got == HTTP_PIECE_END) {
			if (r->up.framing == HTTP_CHUNKED)
				send_up(s, SLICE("0\r\n\r\n"));
			r->up_done = true;
		}
	}
	return PROXY_HTTP_WAIT;
}

/* What it said is no answer, or it said nothing. */
static enum proxy_http_next lost(struct proxy_http_session *s, const char *why)
{
	log_warn(net_log(s->net), "http answer lost", F_STR("backend", s->link->name),
		F_STR("why", why));
	proxy_http_leave(s);
	return proxy_http_refuse(s, 502, "The server where this user lives gave no good answer.");
}

/* It left before it said a word. Where it had served other requests before, it may have left before
 * it saw this one: then, if doing it twice does no harm, it is asked again, once, on a connection
 * of its own (RFC 9112 section 9.3.1). */
static enum proxy_http_next left(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	struct err err;
	if (s->is_fresh || r->kept.len == 0 || r->interim > 0 || net_far_input(s->net).len > 0)
		return lost(s, "it closed the connection");
	if (proxy_http_ask_again(s, &err) == 0) {
		explicit_bzero(r->kept.data, r->kept.cap);
		buf_free(&r->kept);
		return PROXY_HTTP_ON;
	}
	log_warn(net_log(s->net), "login put off", F_STR("protocol", "http"), F_ERR(&err));
	return proxy_http_refuse(s, 503, "The server where this user lives can't be reached.");
}

/* A wrong password is answered as late as a wrong user is, and counts. True: not yet. */
static bool is_kept_back(struct proxy_http_session *s, const struct http_answer *a)
{
	struct proxy_http_request *r = s->request;
	if (a->status != 401 || !r->has_password)
		return false;
	if (r->pause_until_ms == 0) {
		log_warn(net_log(s->net), "login refused", F_STR("protocol", "http"),
			F_STR("for", s->client), F_STR("backend", s->link->name));
		proxy_http_failed(s);
		r->pause_until_ms = clock_mono_ms() + DIRECTORY_LOGIN_PAUSE_MS;
	}
	r->scan = (struct http_scan){0}; /* the head stays in the input */
	return clock_mono_ms() < r->pause_until_ms;
}

static enum proxy_http_next pass_interim(
	struct proxy_http_session *s, const struct http_answer *a, size_t len)
{
	struct proxy_http_request *r = s->request;
	if (++r->interim > PROXY_HTTP_INTERIM_MAX)
		return lost(s, "too many answers with 1xx");
	if (!r->minor_0) /* RFC 9110 section 15.2 */
		http_answer_write(a, HTTP_NO_BODY, false, net_output(s->net));
	net_far_consume(s->net, len);
	r->scan = (struct http_scan){0};
	return PROXY_HTTP_ON;
}

static enum proxy_http_next switch_protocol(
	struct proxy_http_session *s, const struct http_answer *a, size_t len)
{
	const struct net_join_options options = {
		.idle_timeout_ms = (unsigned)s->proxy->settings->proxy.idle_timeout_ms,
		.figures = &s->proxy->bytes,
	};
	if (!s->request->upgrade || !slice_eq_nocase(a->head.upgrade, SLICE("websocket")))
		return lost(s, "it switched to a protocol that was not asked for");
	http_answer_write(a, HTTP_NO_BODY, false, net_output(s->net));
	net_far_consume(s->net, len);
	proxy_http_forget_request(s);
	net_far_join(s->net, &options);
	return PROXY_HTTP_JOINED;
}

static void note_login(struct proxy_http_session *s, unsigned status)
{
	s->is_fresh = false;
	proxy_link_works(s->link);
	if (s->logged_in || status == 401 || s->whose[0] == ' ')
		return;
	s->logged_in = true;
	atomic_fetch_add_explicit(&s->proxy->figures[PROXY_HTTP].logins, 1, memory_order_relaxed);
	struct slice whose = slice_str(s->whose);
	log_info(net_log(s->net), "login", F_SLICE("user", slice_cut(&whose, ' ')),
		F_STR("protocol", "http"), F_STR("tls", net_is_tls(s->net) ? "yes" : "no"),
		F_STR("backend", s->link->name), F_STR("for", s->client),
		F_INT("ms", clock_mono_ms() - s->request->began_ms));
}

static enum proxy_http_next begin_answer(
	struct proxy_http_session *s, const struct http_answer *a, size_t len)
{
	struct proxy_http_request *r = s->request;
	enum http_framing framing = a->head.framing;
	note_login(s, a->status);
	r->told = framing != HTTP_CHUNKED && framing != HTTP_UNTIL_CLOSE ? framing
		  : r->minor_0                                           ? HTTP_UNTIL_CLOSE
									 : HTTP_CHUNKED;
	/* What is left of the request's body would be taken for the next one. */
	r->closes = !r->up_done || proxy_http_is_last(s);
	r->status = a->status;
	r->far_keeps = a->head.keeps;
	http_answer_write(a, r->told, r->closes, net_output(s->net));
	http_body_begin(&r->down, framing, a->head.length);
	net_far_consume(s->net, len);
	s->phase = PROXY_HTTP_ANSWER;
	return PROXY_HTTP_ON;
}

static enum proxy_http_next read_answer(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	struct slice input = net_far_input(s->net);
	struct http_answer a;
	struct http_refusal refusal;
	size_t len;
	enum http_outcome got = http_scan(&r->scan, input, &len);
	if ((got == HTTP_WHOLE ? len : input.len) > HTTP_HEAD_MAX && got != HTTP_BAD)
		return lost(s, "the head of its answer is too large");
	switch (got) {
	case HTTP_MORE:
		return net_far_ended(s->net) ? left(s) : PROXY_HTTP_WAIT;
	case HTTP_BAD:
		return lost(s, "the head of its answer is malformed");
	case HTTP_WHOLE:
		break;
	}
	if (!http_answer_read(slice(input.ptr, len), slice_str(r->method), &a, &refusal))
		return lost(s, refusal.text);
	if (a.status == 101)
		return switch_protocol(s, &a, len);
	if (a.status < 200)
		return pass_interim(s, &a, len);
	if (is_kept_back(s, &a))
		return PROXY_HTTP_WAIT;
	return begin_answer(s, &a, len);
}

enum proxy_http_next proxy_http_asked(struct proxy_http_session *s)
{
	enum proxy_http_next next = move_up(s);
	return next == PROXY_HTTP_WAIT ? read_answer(s) : next;
}

enum proxy_http_next proxy_http_asked_too_long(struct proxy_http_session *s)
{
	if (s->request->pause_until_ms > 0)
		return PROXY_HTTP_ON;
	bool by_client = !s->request->up_done && !net_far_full(s->net);
	if (!by_client)
		log_warn(net_log(s->net), "http answer lost", F_STR("backend", s->link->name),
			F_STR("why", "it does not come in time"));
	proxy_http_leave(s);
	return by_client ? proxy_http_refuse(s, 408, "The request did not come in time.")
			 : proxy_http_refuse(s, 504,
				   "The server where this user lives does not answer in time.");
}

static void send_piece_down(struct proxy_http_session *s, struct slice piece)
{
	s->request->down_bytes += piece.len;
	if (s->request->told == HTTP_CHUNKED)
		http_chunk_add(net_output(s->net), piece);
	else
		net_write(s->net, piece);
}

static enum proxy_http_next end_answer(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	bool closes = r->closes;
	if (r->told == HTTP_CHUNKED)
		http_chunk_end(net_output(s->net));
	log_debug(net_log(s->net), "http request", F_STR("method", r->method),
		F_UINT("status", r->status), F_UINT("up", r->up_bytes),
		F_UINT("down", r->down_bytes), F_INT("ms", clock_mono_ms() - r->began_ms));
	s->used_ms = clock_mono_ms();
	if (!r->far_keeps || !r->up_done || net_far_ended(s->net))
		proxy_http_leave(s);
	(void)proxy_http_next(s);
	return closes ? PROXY_HTTP_CLOSE : PROXY_HTTP_ON;
}

/* The back end's stream ended within the answer, or behind one that only its end ends. */
static enum proxy_http_next answer_ended(struct proxy_http_session *s)
{
	if (http_body_may_end(&s->request->down) && !net_far_is_broken(s->net))
		return end_answer(s);
	log_warn(net_log(s->net), "http answer lost", F_STR("backend", s->link->name),
		F_STR("why", "it broke off"), F_UINT("bytes", s->request->down_bytes));
	/* The end of the connection would look like the answer's own. */
	return s->request->told == HTTP_UNTIL_CLOSE ? PROXY_HTTP_ABORT : PROXY_HTTP_CLOSE;
}

static enum proxy_http_next move_down(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	while (!net_output_full(s->net)) {
		struct slice input = net_far_input(s->net), rest = input, piece = SLICE_NONE;
		enum http_piece got = http_body_next(&r->down, &rest, &piece);
		if (got == HTTP_PIECE)
			send_piece_down(s, piece);
		net_far_consume(s->net, input.len - rest.len);
		if (got == HTTP_PIECE_END)
			return end_answer(s);
		if (got == HTTP_PIECE_BAD)
			return answer_ended(s);
		if (got == HTTP_PIECE_MORE)
			return net_far_ended(s->net) ? answer_ended(s) : PROXY_HTTP_WAIT;
	}
	return PROXY_HTTP_WAIT;
}

enum proxy_http_next proxy_http_answer(struct proxy_http_session *s)
{
	enum proxy_http_next next = move_up(s);
	return next == PROXY_HTTP_WAIT ? move_down(s) : next;
}
