/* Answers of the proxy itself. */
#include "base/clock.h"
#include "directory/login.h"
#include "http/head.h"
#include "proxy/http_internal.h"

static void add_challenge(const struct proxy_http_session *s, struct buf *to)
{
	const struct conf_proxy *conf = &s->proxy->settings->proxy;
	buf_add_str(to, "WWW-Authenticate: Basic realm=\"");
	for (const char *c = conf->http_realm; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_add_byte(to, '\\');
		buf_add_byte(to, *c);
	}
	buf_add_str(to, "\", charset=\"UTF-8\"\r\n");
	if (conf->oauth)
		buf_add_str(to, "WWW-Authenticate: Bearer\r\n");
}

static bool is_drained(const struct proxy_http_request *r)
{
	return !r->expects_continue &&
	       (r->up.framing != HTTP_LENGTH || r->up.left <= PROXY_HTTP_DRAIN_MAX);
}

enum proxy_http_next proxy_http_refuse(
	struct proxy_http_session *s, unsigned status, const char *words)
{
	struct proxy_http_request *r = s->request;
	bool close =
		!r || status == 408 || proxy_http_is_last(s) || (!r->up_done && !is_drained(r));
	struct buf *out = net_output(s->net);
	bool has_body = !r || strcmp(r->method, "HEAD") != 0;
	buf_printf(out, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
	if (status == 401)
		add_challenge(s, out);
	if (status == 503 || status == 429)
		buf_printf(out, "Retry-After: %d\r\n", PROXY_HTTP_RETRY_S);
	buf_printf(out,
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
		"Cache-Control: no-store\r\n",
		strlen(words) + 1);
	buf_add_str(out, close ? "Connection: close\r\n\r\n" : "\r\n");
	if (has_body)
		buf_printf(out, "%s\n", words);
	if (status == 503 || status == 504)
		atomic_fetch_add_explicit(
			&s->proxy->figures[PROXY_HTTP].put_off, 1, memory_order_relaxed);
	log_debug(net_log(s->net), "http request refused", F_UINT("status", status),
		F_STR("why", words));
	if (close)
		return PROXY_HTTP_CLOSE;
	if (r->up_done)
		return proxy_http_next(s);
	s->phase = PROXY_HTTP_DRAIN;
	return PROXY_HTTP_ON;
}

void proxy_http_failed(struct proxy_http_session *s)
{
	directory_throttle_failed(s->proxy->throttle, slice_str(s->client));
	atomic_fetch_add_explicit(&s->proxy->figures[PROXY_HTTP].refused, 1, memory_order_relaxed);
	s->refusals++;
}

enum proxy_http_next proxy_http_refuse_later(
	struct proxy_http_session *s, unsigned status, const char *words)
{
	struct proxy_http_request *r = s->request;
	proxy_http_failed(s);
	r->status = status;
	r->words = words;
	r->pause_until_ms = clock_mono_ms() + DIRECTORY_LOGIN_PAUSE_MS;
	s->phase = PROXY_HTTP_PAUSED;
	return PROXY_HTTP_ON;
}

enum proxy_http_next proxy_http_paused(struct proxy_http_session *s)
{
	const struct proxy_http_request *r = s->request;
	if (s->ended)
		return PROXY_HTTP_CLOSE;
	if (clock_mono_ms() < r->pause_until_ms)
		return PROXY_HTTP_WAIT;
	return proxy_http_refuse(s, r->status, r->words);
}

enum proxy_http_next proxy_http_drain(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	for (;;) {
		struct slice input = net_input(s->net), rest = input, piece = SLICE_NONE;
		enum http_piece got = http_body_next(&r->up, &rest, &piece);
		net_consume(s->net, input.len - rest.len);
		r->drained += input.len - rest.len;
		if (got == HTTP_PIECE_END)
			return proxy_http_next(s);
		if (got == HTTP_PIECE_BAD || r->drained > PROXY_HTTP_DRAIN_MAX)
			return PROXY_HTTP_CLOSE;
		if (got == HTTP_PIECE_MORE)
			return s->ended ? PROXY_HTTP_CLOSE : PROXY_HTTP_WAIT;
	}
}
