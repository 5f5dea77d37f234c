/* Phases of a session before it is joined. */
#include "proxy/front.h"

#include "base/must.h"

static void set_timeout(struct proxy_session *s)
{
	net_set_timeout(s->net, (unsigned)s->proxy->settings->proxy.login_timeout_ms);
}

enum net_next proxy_front_open(struct net_session *net, const struct proxy_front *front)
{
	struct proxy_session *s = net_state(net);
	proxy_session_init(s, net, front);
	set_timeout(s);
	front->greet(s);
	return NET_WAIT_INPUT;
}

void proxy_front_close(struct net_session *net)
{
	proxy_session_deinit(net_state(net));
}

static enum proxy_run close_with(struct proxy_session *s, const char *words)
{
	net_write_str(s->net, words);
	return PROXY_CLOSE;
}

enum proxy_run proxy_front_answer(struct proxy_session *s, enum directory_login_outcome outcome)
{
	switch (outcome) {
	case DIRECTORY_LOGIN_CHALLENGE:
		s->phase = PROXY_IN_AUTH;
		s->front->challenge(s, directory_login_challenge(s->login));
		return PROXY_GO_ON;
	case DIRECTORY_LOGIN_PAUSE:
		s->phase = PROXY_IN_PAUSE;
		return PROXY_GO_ON;
	case DIRECTORY_LOGIN_DONE:
		s->front->welcome(s, proxy_login_answer(s));
		return PROXY_JOINED;
	default:
		break;
	}
	enum proxy_run r = s->front->refuse(s, outcome, proxy_login_answer(s));
	proxy_login_end(s);
	s->phase = PROXY_COMMANDS;
	return outcome == DIRECTORY_LOGIN_REFUSED_LAST ? close_with(s, s->front->refused) : r;
}

static enum proxy_run pause_over(struct proxy_session *s)
{
	unsigned left_ms;
	enum directory_login_outcome outcome = proxy_login_wait(s, &left_ms);
	if (outcome == DIRECTORY_LOGIN_PAUSE) {
		net_set_timeout(s->net, left_ms);
		return PROXY_PARK;
	}
	set_timeout(s);
	return proxy_front_answer(s, outcome);
}

enum proxy_run proxy_front_line(struct proxy_session *s, size_t max, struct slice *ret_line)
{
	struct slice input = net_input(s->net);
	ssize_t end = slice_find(input, '\n');
	size_t len = end < 0 ? input.len : (size_t)end;
	if (len > max)
		return close_with(s, s->front->too_long);
	*ret_line = slice(input.ptr, len);
	if (len > 0 && input.ptr[len - 1] == '\r')
		ret_line->len--;
	return end < 0 ? PROXY_PARK : PROXY_GO_ON;
}

/* It may have been a password. The input is empty when TLS begins. */
void proxy_front_drop(struct proxy_session *s, size_t len)
{
	struct slice input = net_input(s->net);
	if (input.len > 0)
		explicit_bzero((char *)input.ptr, MIN(len, input.len));
	net_consume(s->net, len);
}

static enum proxy_run take_sasl(struct proxy_session *s)
{
	struct slice line;
	struct slice input = net_input(s->net);
	size_t len;
	if (s->front->cut_line) {
		len = s->front->cut_line(s, input, &line);
		if (len == 0)
			return input.len > PROXY_FRONT_SASL_MAX ? close_with(s, s->front->too_long)
								: PROXY_PARK;
	} else {
		enum proxy_run r = proxy_front_line(s, PROXY_FRONT_SASL_MAX, &line);
		if (r != PROXY_GO_ON)
			return r;
		len = (size_t)slice_find(input, '\n') + 1;
	}
	enum proxy_run r = proxy_front_answer(s, proxy_login_line(s, line));
	proxy_front_drop(s, len);
	return r;
}

static enum proxy_run step(struct proxy_session *s)
{
	switch (s->phase) {
	case PROXY_IN_PAUSE:
		return pause_over(s);
	case PROXY_IN_AUTH:
		return take_sasl(s);
	default:
		return s->front->take(s);
	}
}

enum net_next proxy_front_run(struct net_session *net, unsigned events)
{
	struct proxy_session *s = net_state(net);
	if (events & NET_SHUTDOWN) {
		net_write_str(net, s->front->stopping);
		return NET_CLOSE;
	}
	if ((events & NET_TIMEOUT) && s->phase != PROXY_IN_PAUSE) {
		net_write_str(net, s->front->timed_out);
		return NET_CLOSE;
	}
	if ((events & NET_SECURED) && s->front->secured)
		s->front->secured(s);
	for (;;) {
		enum proxy_run r = step(s);
		must_doing(NULL, NULL);
		switch (r) {
		case PROXY_GO_ON:
			if (net_output_full(net))
				return NET_WAIT_OUTPUT;
			continue;
		case PROXY_PARK:
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
		case PROXY_JOINED:
			proxy_login_join(s);
			return NET_WAIT_INPUT;
		case PROXY_CLOSE:
			return NET_CLOSE;
		}
	}
}
