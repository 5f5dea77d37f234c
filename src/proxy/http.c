/* The life of a connection that speaks HTTP: phases, time-outs, the end. */
#include "proxy/http_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "directory/login.h"

enum { INPUT_MAX = HTTP_HEAD_MAX + 16 * 1024 };

void proxy_http_forget_request(struct proxy_http_session *s)
{
	struct proxy_http_request *r = s->request;
	if (!r)
		return;
	struct net_join_figures *bytes = &s->proxy->bytes;
	atomic_fetch_add_explicit(&bytes->to_server, r->up_bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&bytes->to_client, r->down_bytes, memory_order_relaxed);
	if (r->kept.data)
		explicit_bzero(r->kept.data, r->kept.cap);
	buf_free(&r->kept);
	free(r);
	s->request = NULL;
}

/* Who has ended his side may have sent more requests before. */
bool proxy_http_is_last(struct proxy_http_session *s)
{
	const struct proxy_http_request *r = s->request;
	return r->minor_0 || !r->keeps || s->leaving ||
	       s->refusals >= DIRECTORY_LOGIN_REFUSALS_MAX ||
	       (s->ended && r->up_done && net_input(s->net).len == 0);
}

void proxy_http_leave(struct proxy_http_session *s)
{
	if (!s->link)
		return;
	net_far_close(s->net);
	directory_sessions_remove(s->proxy->sessions, s->presence);
	s->presence = NULL;
	proxy_link_close(s->link);
	free(s->link);
	free(s->whose);
	free(s->to_host);
	s->link = NULL;
	s->whose = s->to_host = NULL;
	atomic_fetch_sub_explicit(&s->proxy->figures[PROXY_HTTP].joined, 1, memory_order_relaxed);
}

enum proxy_http_next proxy_http_next(struct proxy_http_session *s)
{
	proxy_http_forget_request(s);
	s->phase = PROXY_HTTP_HEAD;
	s->scan = (struct http_scan){0};
	s->head_ms = 0;
	s->skipped = false;
	return PROXY_HTTP_ON;
}

/* Between requests a back end has nothing to say; one that does, or leaves, is of no use; so is
 * that of a user whose sessions are to end. */
static void look_at_idle(struct proxy_http_session *s)
{
	if (s->link && (net_far_ended(s->net) || net_far_input(s->net).len > 0 ||
			       directory_presence_is_told(s->presence)))
		proxy_http_leave(s);
}

/* One empty line in front of a request is none. Its first half is not looked at yet. */
static struct slice skip_empty(struct proxy_http_session *s)
{
	struct slice input = net_input(s->net);
	size_t len = s->skipped || s->head_ms ? 0 : http_skip_empty(input);
	if (len > 0) {
		s->skipped = true;
		net_consume(s->net, len);
		return net_input(s->net);
	}
	bool half = !s->skipped && !s->head_ms && slice_eq(input, SLICE("\r"));
	return half ? SLICE("") : input;
}

static enum proxy_http_next await_head(struct proxy_http_session *s)
{
	size_t len;
	if (net_output_full(s->net))
		return PROXY_HTTP_WAIT; /* who does not read answers asks nothing more */
	look_at_idle(s);
	struct slice input = skip_empty(s);
	if (input.len == 0)
		return s->ended || s->leaving ? PROXY_HTTP_CLOSE : PROXY_HTTP_WAIT;
	s->head_ms = s->head_ms ? s->head_ms : clock_mono_ms();
	switch (http_scan(&s->scan, input, &len)) {
	case HTTP_WHOLE:
		if (len <= HTTP_HEAD_MAX)
			return proxy_http_ask(s, len);
		return proxy_http_refuse(s, 431, "The head of the request is too large.");
	case HTTP_BAD:
		return proxy_http_refuse(s, 400, "The request is malformed.");
	case HTTP_MORE:
		break;
	}
	if (input.len > HTTP_HEAD_MAX)
		return proxy_http_refuse(s, 431, "The head of the request is too large.");
	return s->ended ? PROXY_HTTP_CLOSE : PROXY_HTTP_WAIT;
}

static enum proxy_http_next step(struct proxy_http_session *s)
{
	switch (s->phase) {
	case PROXY_HTTP_HEAD:
		return await_head(s);
	case PROXY_HTTP_PAUSED:
		return proxy_http_paused(s);
	case PROXY_HTTP_DRAIN:
		return proxy_http_drain(s);
	case PROXY_HTTP_ASKED:
		return proxy_http_asked(s);
	case PROXY_HTTP_ANSWER:
		return proxy_http_answer(s);
	}
	return PROXY_HTTP_ABORT;
}

static enum proxy_http_next timed_out(struct proxy_http_session *s)
{
	switch (s->phase) {
	case PROXY_HTTP_HEAD:
		return s->head_ms ? proxy_http_refuse(s, 408, "The request did not come in time.")
				  : PROXY_HTTP_CLOSE;
	case PROXY_HTTP_PAUSED:
		return PROXY_HTTP_ON;
	case PROXY_HTTP_DRAIN:
		return PROXY_HTTP_CLOSE;
	case PROXY_HTTP_ASKED:
		return proxy_http_asked_too_long(s);
	case PROXY_HTTP_ANSWER:
		break;
	}
	log_info(net_log(s->net), "http answer cut", F_STR("why", "nothing comes any more"));
	return PROXY_HTTP_ABORT;
}

/* When no news comes for so long, timed_out() is called. */
static void set_time_out(struct proxy_http_session *s)
{
	const struct conf_proxy *conf = &s->proxy->settings->proxy;
	int64_t now = clock_mono_ms(), ms = 0;
	switch (s->phase) {
	case PROXY_HTTP_HEAD:
		ms = s->head_ms ? s->head_ms + PROXY_HTTP_HEAD_MS - now
				: (int64_t)conf->http_idle_timeout_ms;
		break;
	case PROXY_HTTP_PAUSED:
		ms = s->request->pause_until_ms - now;
		break;
	case PROXY_HTTP_DRAIN:
		ms = PROXY_HTTP_DRAIN_MS;
		break;
	case PROXY_HTTP_ASKED:
		ms = s->request->pause_until_ms > now ? s->request->pause_until_ms - now
						      : (int64_t)conf->http_answer_timeout_ms;
		break;
	case PROXY_HTTP_ANSWER:
		ms = (int64_t)conf->idle_timeout_ms;
		net_set_timeout(s->net, (unsigned)ms); /* 0: never */
		return;
	}
	net_set_timeout(s->net, (unsigned)MAX(ms, 1));
}

static enum net_next run(struct net_session *net, unsigned events)
{
	struct proxy_http_session *s = net_state(net);
	enum proxy_http_next next = PROXY_HTTP_ON;
	s->ended = s->ended || (events & NET_EOF);
	s->leaving = s->leaving || (events & NET_SHUTDOWN);
	if (events & NET_TIMEOUT)
		next = timed_out(s);
	must_doing(net_session_id(net), "http");
	while (next == PROXY_HTTP_ON)
		next = step(s);
	must_doing(NULL, NULL);
	switch (next) {
	case PROXY_HTTP_ON:
	case PROXY_HTTP_WAIT:
		set_time_out(s);
		if (net_far_is_open(net))
			return NET_WAIT_BOTH;
		return net_output_full(net) ? NET_WAIT_OUTPUT : NET_WAIT_INPUT;
	case PROXY_HTTP_JOINED:
		return NET_WAIT_INPUT;
	case PROXY_HTTP_CLOSE:
		proxy_http_leave(s);
		if (!s->leaving) /* RFC 9112 section 9.6 */
			net_linger(net);
		return NET_CLOSE;
	case PROXY_HTTP_ABORT:
		break;
	}
	proxy_http_leave(s);
	return NET_ABORT;
}

static enum net_next open(struct net_session *net)
{
	struct proxy_http_session *s = net_state(net);
	s->net = net;
	s->proxy = net_service(net);
	set_time_out(s);
	return NET_WAIT_INPUT;
}

static void close_session(struct net_session *net)
{
	struct proxy_http_session *s = net_state(net);
	proxy_http_forget_request(s);
	proxy_http_leave(s);
}

const struct net_protocol proxy_http_protocol = {
	.name = "http",
	.session_size = sizeof(struct proxy_http_session),
	.open = open,
	.run = run,
	.close = close_session,
	.input_max = INPUT_MAX,
	.refusal =
		"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
};
