/* LOGIN and AUTHENTICATE. A refused login answers after a pause, during which the session is
 * parked. */
#include "imap/session_internal.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clock.h"
#include "net/tls.h"

enum {
	REFUSAL_PAUSE_MS = 1500,
	REFUSALS_MAX = 5,
	SASL_LINE_MAX = 16 * 1024,
};

static enum imap_run greet(struct imap_session *s, const struct directory_user *user)
{
	imap_logged_in(s, user);
	AUTO(buf_free) struct buf code = BUF(4096);
	buf_add_str(&code, "CAPABILITY ");
	imap_write_capabilities(s, &code);
	return imap_ok(s, buf_cstr(&code), "Logged in");
}

/* A refusal that waits for its time. */
struct pause {
	struct imap_going going;
	int64_t until_ms;
};

static void set_login_timeout(struct imap_session *s)
{
	net_set_timeout(
		s->net, s->service->login_timeout_ms ? s->service->login_timeout_ms : 180000);
}

static enum imap_run pause_over(struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct pause *pause = (struct pause *)going;
	int64_t left = pause->until_ms - clock_mono_ms();
	if (left > 0) {
		net_set_timeout(s->net, (unsigned)left);
		return IMAP_WAIT_INPUT;
	}
	(void)imap_no(s, "AUTHENTICATIONFAILED", "Wrong user or password");
	if (++s->failures >= REFUSALS_MAX) {
		net_write_str(s->net, "* BYE Too many failures\r\n");
		return IMAP_CLOSE;
	}
	set_login_timeout(s);
	return IMAP_DONE;
}

static void pause_free(struct imap_session *s, struct imap_going *going)
{
	free(going);
}

/* Too many wrong passwords came from there: nothing is checked, so nothing can be guessed. */
static bool is_blocked(struct imap_session *s)
{
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	if (directory_throttle_allows(s->service->throttle, slice_str(client)))
		return false;
	log_warn(net_log(s->net), "login not tried, too many failures from this address",
		F_STR("protocol", "imap"));
	return true;
}

static enum imap_run blocked(struct imap_session *s)
{
	return imap_no(s, "UNAVAILABLE", "Too many failed logins from your address, wait a while");
}

static enum imap_run refuse(struct imap_session *s, struct slice user)
{
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	directory_throttle_failed(s->service->throttle, slice_str(client));
	atomic_fetch_add_explicit(&s->service->figures.logins_failed, 1, memory_order_relaxed);
	log_warn(net_log(s->net), "login refused", F_STR("protocol", "imap"),
		F_SLICE("login", user));
	struct pause *pause = ALLOC(struct pause);
	pause->going = (struct imap_going){.resume = pause_over, .free = pause_free};
	pause->until_ms = clock_mono_ms() + REFUSAL_PAUSE_MS;
	s->going = &pause->going;
	net_set_timeout(s->net, REFUSAL_PAUSE_MS);
	return IMAP_WAIT_INPUT;
}

static enum imap_run not_now(struct imap_session *s, const struct err *err)
{
	log_error(net_log(s->net), "directory can't tell", F_ERR(err));
	return imap_no(s, "UNAVAILABLE", "Can't check passwords just now, try again later");
}

enum imap_run imap_cmd_login(struct imap_session *s, struct imap_parser *p)
{
	struct slice name, password;
	if (!imap_space(p) || !imap_astring(p, &name) || !imap_space(p) ||
		!imap_astring(p, &password) || !imap_end(p))
		return imap_bad(s, p);
	if (!net_is_secure(s->net))
		return imap_no(s, "PRIVACYREQUIRED", "Not without TLS");
	if (is_blocked(s))
		return blocked(s);
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	struct directory_user user;
	struct err err;
	int r = directory_check(s->service->directory, name, password, slice_str(client),
		DIRECTORY_IMAP, &s->arena, &user, &err);
	explicit_bzero((char *)password.ptr, password.len);
	if (r < 0)
		return not_now(s, &err);
	if (r == DIRECTORY_DENIED)
		return imap_no(s, "AUTHORIZATIONFAILED", err.text);
	return r == 0 ? greet(s, &user) : refuse(s, name);
}

/* An AUTHENTICATE under way. */
struct exchange {
	struct imap_going going;
	struct sasl_session *sasl;
	struct directory_login login;
	bool ending; /* SASL_DONE came with data: an empty response follows */
};

static void exchange_free(struct imap_session *s, struct imap_going *going)
{
	struct exchange *x = (struct exchange *)going;
	sasl_free(x->sasl);
	free(x);
}

static void challenge(struct imap_session *s, struct slice bytes)
{
	AUTO(buf_free) struct buf text = BUF(2 * SASL_LINE_MAX);
	base64_encode(&text, bytes);
	net_write_str(s->net, "+ ");
	net_write(s->net, buf_slice(&text));
	net_write_str(s->net, "\r\n");
}

static enum imap_run finish(struct imap_session *s, struct exchange *x)
{
	struct directory_user user = x->login.user;
	return greet(s, &user);
}

static enum imap_run take_message(struct imap_session *s, struct exchange *x, struct slice message)
{
	AUTO(buf_free) struct buf reply = BUF(SASL_LINE_MAX);
	struct err err;
	switch (sasl_step(x->sasl, message, &reply, &err)) {
	case SASL_CONTINUE:
		challenge(s, buf_slice(&reply));
		return IMAP_WAIT_INPUT;
	case SASL_DONE:
		if (reply.len == 0)
			return finish(s, x);
		x->ending = true;
		challenge(s, buf_slice(&reply));
		return IMAP_WAIT_INPUT;
	case SASL_MALFORMED:
		return imap_bad_text(s, "Not what the mechanism expects");
	case SASL_TEMPORARY:
		return not_now(s, &err);
	case SASL_DENIED:
		break;
	}
	if (x->login.denied.class != ERR_NONE)
		return imap_no(s, "AUTHORIZATIONFAILED", x->login.denied.text);
	struct slice who = arena_copy(&s->arena, sasl_user(x->sasl));
	imap_free_going(s);
	return refuse(s, who);
}

static enum imap_run exchange_line(
	struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct exchange *x = (struct exchange *)going;
	struct slice input = net_input(s->net);
	ssize_t end = slice_find(input, '\n');
	if (events & NET_TIMEOUT) {
		net_write_str(s->net, "* BYE Autologout\r\n");
		return IMAP_CLOSE;
	}
	if (end < 0 && input.len < SASL_LINE_MAX)
		return IMAP_WAIT_INPUT;
	if (end < 0)
		return IMAP_CLOSE;
	AUTO(buf_free) struct buf message = BUF(SASL_LINE_MAX);
	struct slice line = slice_trim(slice(input.ptr, (size_t)end));
	bool cancelled = slice_eq(line, SLICE("*"));
	bool good = !cancelled && base64_decode(&message, line);
	net_consume(s->net, (size_t)end + 1);
	if (cancelled)
		return imap_bad_text(s, "Cancelled");
	if (!good)
		return imap_bad_text(s, "Expected base64");
	if (x->ending)
		return message.len == 0 ? finish(s, x) : imap_bad_text(s, "Expected nothing");
	return take_message(s, x, slice(message.data ? message.data : "", message.len));
}

static struct sasl_offer offer_of(struct imap_session *s)
{
	const struct net_tls_info *tls = net_tls_info(s->net);
	struct sasl_offer offer = {.plain = net_is_secure(s->net), .scram = true};
	if (tls) {
		offer.exporter = tls->exporter;
		offer.server_end_point = tls->server_end_point;
	}
	return offer;
}

/* "=" stands for an empty initial response (RFC 4959). */
static bool initial_response(struct imap_parser *p, struct buf *to, bool *ret_given)
{
	*ret_given = imap_skip(p, ' ');
	if (!*ret_given)
		return true;
	struct slice text = p->rest;
	p->rest = slice_from(p->rest, p->rest.len);
	return slice_eq(text, SLICE("=")) || base64_decode(to, text);
}

enum imap_run imap_cmd_authenticate(struct imap_session *s, struct imap_parser *p)
{
	struct slice mechanism;
	AUTO(buf_free) struct buf first = BUF(SASL_LINE_MAX);
	bool given;
	if (!imap_space(p) || !imap_atom(p, &mechanism))
		return imap_bad(s, p);
	if (!initial_response(p, &first, &given))
		return imap_bad_text(s, "Expected base64");
	if (is_blocked(s))
		return blocked(s);
	struct exchange *x = ALLOC(struct exchange);
	x->going = (struct imap_going){.resume = exchange_line, .free = exchange_free};
	x->login = (struct directory_login){
		.directory = s->service->directory,
		.service = DIRECTORY_IMAP,
		.arena = &s->arena,
	};
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	(void)snprintf(x->login.client, sizeof(x->login.client), "%.63s", client);
	struct sasl_offer offer = offer_of(s);
	struct sasl_callbacks callbacks = directory_sasl(&x->login);
	x->sasl = sasl_new(mechanism, &offer, &callbacks);
	s->going = &x->going;
	if (!x->sasl)
		return imap_no(s, "CANNOT", "No such mechanism here; is TLS on?");
	return take_message(
		s, x, given ? slice(first.data ? first.data : "", first.len) : SLICE_NONE);
}
