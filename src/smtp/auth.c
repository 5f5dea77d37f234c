/* AUTH (RFC 4954), on submission. A refused login is answered after a pause. */
#include "smtp/session_internal.h"

#include "base/base64.h"
#include "base/clock.h"
#include "net/tls.h"

enum {
	REFUSAL_PAUSE_MS = 1500,
	REFUSALS_MAX = 5,
	SASL_LINE_MAX = 12288, /* RFC 4954 section 4 */
};

bool smtp_auth_offered(const struct smtp_session *s)
{
	return s->service->directory && !s->user && net_is_secure(s->net);
}

struct sasl_offer smtp_sasl_offer(struct smtp_session *s)
{
	const struct net_tls_info *tls = net_tls_info(s->net);
	struct sasl_offer offer = {.plain = true, .scram = true}; /* all channels here are safe */
	if (tls) {
		offer.exporter = tls->exporter;
		offer.server_end_point = tls->server_end_point;
	}
	return offer;
}

void smtp_auth_end(struct smtp_session *s)
{
	sasl_free(s->sasl);
	s->sasl = NULL;
	s->sasl_ending = false;
	arena_free(&s->login_arena);
	if (s->phase == SMTP_IN_AUTH)
		s->phase = SMTP_COMMANDS;
}

static enum smtp_run challenge(struct smtp_session *s, struct slice bytes)
{
	AUTO(buf_free) struct buf text = BUF(2 * SASL_LINE_MAX);
	base64_encode(&text, bytes);
	s->phase = SMTP_IN_AUTH;
	return smtp_reply(s, 334, NULL, buf_cstr(&text));
}

static enum smtp_run logged_in(struct smtp_session *s)
{
	free(s->user);
	s->user = slice_dup(s->login.user.name);
	net_log_tag(s->net, "user", slice_str(s->user));
	log_info(net_log(s->net), "login", F_STR("protocol", "submission"),
		F_STR("tls", net_is_tls(s->net) ? "yes" : "no"));
	atomic_fetch_add_explicit(&s->service->figures.logins, 1, memory_order_relaxed);
	smtp_auth_end(s);
	return smtp_reply(s, 235, "2.7.0", "Logged in");
}

static enum smtp_run refuse(struct smtp_session *s)
{
	directory_throttle_failed(s->service->throttle, slice_str(s->login.client));
	log_warn(net_log(s->net), "login refused", F_STR("protocol", "submission"),
		F_SLICE("login", sasl_user(s->sasl)));
	atomic_fetch_add_explicit(&s->service->figures.logins_failed, 1, memory_order_relaxed);
	smtp_auth_end(s);
	s->phase = SMTP_IN_PAUSE;
	s->pause_until_ms = clock_mono_ms() + REFUSAL_PAUSE_MS;
	return SMTP_GO_ON;
}

enum smtp_run smtp_auth_pause(struct smtp_session *s)
{
	int64_t left = s->pause_until_ms - clock_mono_ms();
	if (left > 0) {
		net_set_timeout(s->net, (unsigned)left);
		return SMTP_PARK;
	}
	s->phase = SMTP_COMMANDS;
	(void)smtp_reply(s, 535, "5.7.8", "Wrong user or password");
	if (++s->login_failures < REFUSALS_MAX)
		return SMTP_GO_ON;
	(void)smtp_reply(s, 421, "4.7.0", "Too many wrong passwords");
	return SMTP_CLOSE;
}

static enum smtp_run take_message(struct smtp_session *s, struct slice message)
{
	AUTO(buf_free) struct buf reply = BUF(SASL_LINE_MAX);
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
		smtp_auth_end(s);
		return smtp_reply(s, 501, "5.5.2", "Not what the mechanism expects");
	case SASL_TEMPORARY:
		log_error(net_log(s->net), "directory can't tell", F_ERR(&err));
		smtp_auth_end(s);
		return smtp_reply(s, 454, "4.7.0", "Can't check passwords just now");
	case SASL_DENIED:
		break;
	}
	if (s->login.denied.class == ERR_NONE)
		return refuse(s);
	struct err why = s->login.denied;
	smtp_auth_end(s);
	return smtp_reply(s, 535, "5.7.1", why.text);
}

enum smtp_run smtp_auth_line(struct smtp_session *s, struct slice line)
{
	AUTO(buf_free) struct buf message = BUF(SASL_LINE_MAX);
	line = slice_trim(line);
	if (slice_eq(line, SLICE("*"))) {
		smtp_auth_end(s);
		return smtp_reply(s, 501, "5.0.0", "Cancelled");
	}
	if (line.len > SASL_LINE_MAX || !base64_decode(&message, line)) {
		smtp_auth_end(s);
		return smtp_reply(s, 501, "5.5.2", "Expected base64");
	}
	if (s->sasl_ending)
		return logged_in(s);
	return take_message(s, slice(message.data ? message.data : "", message.len));
}

enum smtp_run smtp_cmd_auth(struct smtp_session *s, struct slice arguments)
{
	AUTO(buf_free) struct buf first = BUF(SASL_LINE_MAX);
	struct slice mechanism = slice_cut(&arguments, ' ');
	arguments = slice_trim(arguments);
	if (!s->service->directory)
		return smtp_reply(s, 502, "5.5.1", "No logins here: use the submission port");
	if (!s->helo || !s->extended)
		return smtp_reply(s, 503, "5.5.1", "EHLO first");
	if (s->user || s->transaction)
		return smtp_reply(s, 503, "5.5.1", "Not now");
	if (!net_is_secure(s->net))
		return smtp_reply(s, 538, "5.7.11", "STARTTLS first");
	bool given = arguments.len > 0;
	if (given && !slice_eq(arguments, SLICE("=")) && !base64_decode(&first, arguments))
		return smtp_reply(s, 501, "5.5.2", "Expected base64");
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(s->net), client);
	/* Nothing is checked then, so nothing can be guessed. */
	if (!directory_throttle_allows(s->service->throttle, slice_str(client))) {
		log_warn(net_log(s->net), "login not tried, too many failures from this address",
			F_STR("protocol", "submission"));
		return smtp_reply(
			s, 454, "4.7.0", "Too many failed logins from your address, wait a while");
	}
	s->login = (struct directory_login){
		.directory = s->service->directory,
		.service = DIRECTORY_SUBMISSION,
		.arena = &s->login_arena,
	};
	(void)snprintf(s->login.client, sizeof(s->login.client), "%.63s", client);
	struct sasl_offer offer = smtp_sasl_offer(s);
	struct sasl_callbacks callbacks = directory_sasl(&s->login);
	s->sasl = sasl_new(mechanism, &offer, &callbacks);
	if (!s->sasl)
		return smtp_reply(s, 504, "5.5.4", "No such mechanism");
	s->phase = SMTP_IN_AUTH;
	return take_message(s, given ? slice(first.data ? first.data : "", first.len) : SLICE_NONE);
}
