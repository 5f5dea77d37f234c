/* AUTH (RFC 4954), on submission: the words for a login's outcomes. */
#include "smtp/login_words.h"
#include "smtp/session_internal.h"

#include "base/alloc.h"

bool smtp_auth_offered(const struct smtp_session *s)
{
	return s->service->directory && !s->user && net_is_secure(s->net);
}

void smtp_auth_end(struct smtp_session *s)
{
	directory_login_free(s->login);
	s->login = NULL;
	if (s->phase == SMTP_IN_AUTH || s->phase == SMTP_IN_PAUSE)
		s->phase = SMTP_COMMANDS;
}

static enum smtp_run answer(struct smtp_session *s, enum directory_login_outcome outcome)
{
	const char *text = NULL;
	switch (outcome) {
	case DIRECTORY_LOGIN_CHALLENGE:
		s->phase = SMTP_IN_AUTH;
		return smtp_reply(s, 334, NULL, directory_login_challenge(s->login));
	case DIRECTORY_LOGIN_PAUSE:
		s->phase = SMTP_IN_PAUSE;
		return SMTP_GO_ON;
	case DIRECTORY_LOGIN_DONE:
		s->user = slice_dup(directory_login_user(s->login)->name);
		s->presence = directory_sessions_add(s->service->sessions, s->net,
			&(struct directory_who){.account = directory_login_user(s->login)->account,
				.user = slice_str(s->user)},
			false);
		net_log_tag(s->net, "user", slice_str(s->user));
		break;
	case DIRECTORY_LOGIN_DENIED:
		text = directory_login_reason(s->login);
		break;
	default:
		break;
	}
	(void)smtp_reply(s, smtp_login_words[outcome].code, smtp_login_words[outcome].status,
		text ? text : smtp_login_words[outcome].text);
	smtp_auth_end(s);
	if (outcome != DIRECTORY_LOGIN_REFUSED_LAST)
		return SMTP_GO_ON;
	(void)smtp_reply(s, 421, "4.7.0", "Too many wrong passwords");
	return SMTP_CLOSE;
}

enum smtp_run smtp_auth_pause(struct smtp_session *s)
{
	unsigned left_ms;
	enum directory_login_outcome outcome = directory_login_wait(s->login, &left_ms);
	if (outcome != DIRECTORY_LOGIN_PAUSE)
		return answer(s, outcome);
	net_set_timeout(s->net, left_ms);
	return SMTP_PARK;
}

enum smtp_run smtp_auth_line(struct smtp_session *s, struct slice line)
{
	return answer(s, directory_login_line(s->login, line));
}

enum smtp_run smtp_cmd_auth(struct smtp_session *s, struct slice arguments)
{
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
	struct directory_login_options options = {
		.directory = s->service->directory,
		.service = DIRECTORY_SUBMISSION,
		.protocol = "submission",
		.throttle = s->service->throttle,
		.logins = &s->service->figures.logins,
		.failed = &s->service->figures.logins_failed,
		.refusals = &s->login_refusals,
	};
	directory_login_client(s->net, &options);
	s->login = directory_login_new(&options);
	return answer(s, directory_login_sasl(
				 s->login, mechanism, arguments.len > 0 ? arguments : SLICE_NONE));
}
