/* USER and PASS, AUTH. A refused login is answered after a pause. */
#include "pop3/session_internal.h"

#include "base/base64.h"
#include "base/clock.h"
#include "net/tls.h"

enum { REFUSAL_PAUSE_MS = 1500, REFUSALS_MAX = 5 };

struct sasl_offer pop3_sasl_offer(struct pop3_session *s)
{
	const struct net_tls_info *tls = net_tls_info(s->net);
	struct sasl_offer offer = {.plain = net_is_secure(s->net), .scram = true};
	if (tls) {
		offer.exporter = tls->exporter;
		offer.server_end_point = tls->server_end_point;
	}
	return offer;
}

void pop3_auth_end(struct pop3_session *s)
{
	sasl_free(s->sasl);
	s->sasl = NULL;
	s->sasl_ending = false;
	arena_free(&s->arena);
	if (s->phase == POP3_IN_AUTH)
		s->phase = POP3_AUTHORIZATION;
}

static void log_login(struct pop3_session *s, struct slice user)
{
	net_log_tag(s->net, "user", user);
	log_info(net_log(s->net), "login", F_STR("protocol", "pop3"),
		F_STR("tls", net_is_tls(s->net) ? "yes" : "no"));
	atomic_fetch_add_explicit(&s->service->figures.logins, 1, memory_order_relaxed);
}

static enum pop3_run refuse(struct pop3_session *s, struct slice user)
{
	log_warn(net_log(s->net), "login refused", F_STR("protocol", "pop3"),
		F_SLICE("login", user));
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	directory_throttle_failed(s->service->throttle, slice_str(client));
	atomic_fetch_add_explicit(&s->service->figures.logins_failed, 1, memory_order_relaxed);
	s->phase = POP3_IN_PAUSE;
	s->pause_until_ms = clock_mono_ms() + REFUSAL_PAUSE_MS;
	return POP3_GO_ON;
}

enum pop3_run pop3_auth_pause(struct pop3_session *s)
{
	int64_t left = s->pause_until_ms - clock_mono_ms();
	if (left > 0) {
		net_set_timeout(s->net, (unsigned)left);
		return POP3_PARK;
	}
	s->phase = POP3_AUTHORIZATION;
	pop3_set_idle_timeout(s);
	(void)pop3_err(s, "AUTH", "Wrong user or password");
	return ++s->refusals >= REFUSALS_MAX ? POP3_CLOSE : POP3_GO_ON;
}

void pop3_forget_login(struct pop3_session *s)
{
	free((char *)s->login.ptr);
	s->login = SLICE_NONE;
}

/* Too many wrong passwords came from there: nothing is checked, so nothing can be guessed. */
static bool blocked(struct pop3_session *s, const char *client)
{
	if (directory_throttle_allows(s->service->throttle, slice_str(client)))
		return false;
	log_warn(net_log(s->net), "login not tried, too many failures from this address",
		F_STR("protocol", "pop3"));
	(void)pop3_err(s, "SYS/TEMP", "Too many failed logins from your address, wait a while");
	return true;
}

enum pop3_run pop3_cmd_user(struct pop3_session *s, struct slice argument)
{
	if (!net_is_secure(s->net))
		return pop3_err(s, "AUTH", "Not without TLS");
	if (argument.len == 0)
		return pop3_err(s, NULL, "USER takes a name");
	pop3_forget_login(s);
	s->login = slice(slice_dup(argument), argument.len);
	return pop3_ok(s, "Password?");
}

enum pop3_run pop3_cmd_pass(struct pop3_session *s, struct slice argument)
{
	if (!s->login.ptr)
		return pop3_err(s, NULL, "USER first");
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	if (blocked(s, client))
		return POP3_CLOSE;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct err err;
	int r = directory_check(s->service->directory, s->login, argument, slice_str(client),
		DIRECTORY_POP3, &arena, &user, &err);
	if (r < 0) {
		log_error(net_log(s->net), "directory can't tell", F_ERR(&err));
		return pop3_err(s, "SYS/TEMP", "Can't check passwords just now");
	}
	if (r == DIRECTORY_DENIED)
		return pop3_err(s, "AUTH", err.text);
	if (r > 0)
		return refuse(s, s->login);
	log_login(s, user.name);
	return pop3_open_maildrop(s, &user);
}

static enum pop3_run challenge(struct pop3_session *s, struct slice bytes)
{
	AUTO(buf_free) struct buf text = BUF(2 * POP3_SASL_LINE_MAX);
	base64_encode(&text, bytes);
	s->phase = POP3_IN_AUTH;
	net_printf(s->net, "+ %s\r\n", buf_cstr(&text));
	return POP3_GO_ON;
}

static enum pop3_run logged_in(struct pop3_session *s)
{
	struct directory_user user = s->sasl_login.user;
	log_login(s, user.name);
	s->phase = POP3_AUTHORIZATION;
	enum pop3_run r = pop3_open_maildrop(s, &user);
	pop3_auth_end(s);
	return r;
}

static enum pop3_run take_message(struct pop3_session *s, struct slice message)
{
	AUTO(buf_free) struct buf reply = BUF(POP3_SASL_LINE_MAX);
	struct err err;
	switch (sasl_step(s->sasl, message, &reply, &err)) {
	case SASL_CONTINUE:
		return challenge(s, buf_slice(&reply));
	case SASL_DONE:
		if (reply.len == 0)
			return logged_in(s);
		s->sasl_ending = true;
		return challenge(s, buf_slice(&reply));
	case SASL_MALFORMED:
		pop3_auth_end(s);
		return pop3_err(s, NULL, "Not what the mechanism expects");
	case SASL_TEMPORARY:
		log_error(net_log(s->net), "directory can't tell", F_ERR(&err));
		pop3_auth_end(s);
		return pop3_err(s, "SYS/TEMP", "Can't check passwords just now");
	case SASL_DENIED:
		break;
	}
	struct err denied = s->sasl_login.denied;
	enum pop3_run r = POP3_GO_ON;
	if (denied.class == ERR_NONE)
		r = refuse(s, sasl_user(s->sasl));
	else
		r = pop3_err(s, "AUTH", denied.text);
	pop3_auth_end(s);
	return r;
}

enum pop3_run pop3_auth_line(struct pop3_session *s, struct slice line)
{
	AUTO(buf_free) struct buf message = BUF(POP3_SASL_LINE_MAX);
	line = slice_trim(line);
	if (slice_eq(line, SLICE("*")) || !base64_decode(&message, line)) {
		pop3_auth_end(s);
		return pop3_err(s, NULL, line.len == 1 ? "Cancelled" : "Expected base64");
	}
	if (s->sasl_ending)
		return logged_in(s);
	return take_message(s, slice(message.data ? message.data : "", message.len));
}

enum pop3_run pop3_cmd_auth(struct pop3_session *s, struct slice argument)
{
	AUTO(buf_free) struct buf first = BUF(POP3_SASL_LINE_MAX);
	struct slice mechanism = slice_cut(&argument, ' ');
	argument = slice_trim(argument);
	bool given = argument.len > 0;
	struct sasl_offer offer = pop3_sasl_offer(s);
	if (mechanism.len == 0) { /* the old way to ask which there are */
		struct buf *out = net_output(s->net);
		buf_add_str(out, "+OK\r\n");
		sasl_list(&offer, "\r\n", out);
		buf_add_str(out, "\r\n.\r\n");
		return POP3_GO_ON;
	}
	if (given && !slice_eq(argument, SLICE("=")) && !base64_decode(&first, argument))
		return pop3_err(s, NULL, "Expected base64");
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	if (blocked(s, client))
		return POP3_CLOSE;
	s->sasl_login = (struct directory_login){
		.directory = s->service->directory,
		.service = DIRECTORY_POP3,
		.arena = &s->arena,
	};
	(void)snprintf(s->sasl_login.client, sizeof(s->sasl_login.client), "%.63s", client);
	struct sasl_callbacks callbacks = directory_sasl(&s->sasl_login);
	s->sasl = sasl_new(mechanism, &offer, &callbacks);
	if (!s->sasl)
		return pop3_err(s, "AUTH", "No such mechanism here; is TLS on?");
	s->phase = POP3_IN_AUTH;
	return take_message(s, given ? slice(first.data ? first.data : "", first.len) : SLICE_NONE);
}
