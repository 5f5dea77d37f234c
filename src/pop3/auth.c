/* USER and PASS, AUTH: the words for a login's outcomes. */
#include "pop3/login_words.h"
#include "pop3/session_internal.h"

#include "base/alloc.h"

void pop3_auth_end(struct pop3_session *s)
{
	directory_login_free(s->login);
	s->login = NULL;
	if (s->phase == POP3_IN_AUTH || s->phase == POP3_IN_PAUSE)
		s->phase = POP3_AUTHORIZATION;
}

void pop3_forget_user(struct pop3_session *s)
{
	free((char *)s->user.ptr);
	s->user = SLICE_NONE;
}

static void begin(struct pop3_session *s)
{
	struct directory_login_options options = {
		.directory = s->service->directory,
		.service = DIRECTORY_POP3,
		.protocol = "pop3",
		.throttle = s->service->throttle,
		.logins = &s->service->figures.logins,
		.failed = &s->service->figures.logins_failed,
		.refusals = &s->refusals,
	};
	directory_login_client(s->net, &options);
	s->login = directory_login_new(&options);
}

static enum pop3_run logged_in(struct pop3_session *s)
{
	const struct directory_user *user = directory_login_user(s->login);
	net_log_tag(s->net, "user", user->name);
	s->phase = POP3_AUTHORIZATION;
	enum pop3_run r = pop3_open_maildrop(s, user);
	if (s->phase == POP3_TRANSACTION)
		s->presence = directory_sessions_add(s->service->sessions, s->net,
			&(struct directory_who){.account = user->account, .user = user->name},
			false);
	pop3_auth_end(s);
	return r;
}

static enum pop3_run answer(struct pop3_session *s, enum directory_login_outcome outcome)
{
	const char *text = pop3_login_words[outcome].text;
	switch (outcome) {
	case DIRECTORY_LOGIN_CHALLENGE:
		s->phase = POP3_IN_AUTH;
		net_printf(s->net, "+ %s\r\n", directory_login_challenge(s->login));
		return POP3_GO_ON;
	case DIRECTORY_LOGIN_PAUSE:
		s->phase = POP3_IN_PAUSE;
		return POP3_GO_ON;
	case DIRECTORY_LOGIN_DONE:
		return logged_in(s);
	case DIRECTORY_LOGIN_DENIED:
		text = directory_login_reason(s->login);
		break;
	default:
		break;
	}
	(void)pop3_err(s, pop3_login_words[outcome].code, text);
	pop3_auth_end(s);
	bool last = outcome == DIRECTORY_LOGIN_REFUSED_LAST || outcome == DIRECTORY_LOGIN_BLOCKED;
	return last ? POP3_CLOSE : POP3_GO_ON;
}

enum pop3_run pop3_auth_pause(struct pop3_session *s)
{
	unsigned left_ms;
	enum directory_login_outcome outcome = directory_login_wait(s->login, &left_ms);
	if (outcome == DIRECTORY_LOGIN_PAUSE) {
		net_set_timeout(s->net, left_ms);
		return POP3_PARK;
	}
	pop3_set_idle_timeout(s);
	return answer(s, outcome);
}

enum pop3_run pop3_cmd_user(struct pop3_session *s, struct slice argument)
{
	if (!net_is_secure(s->net))
		return pop3_err(s, "AUTH", "Not without TLS");
	if (argument.len == 0)
		return pop3_err(s, NULL, "USER takes a name");
	pop3_forget_user(s);
	s->user = slice(slice_dup(argument), argument.len);
	return pop3_ok(s, "Password?");
}

enum pop3_run pop3_cmd_pass(struct pop3_session *s, struct slice argument)
{
	if (!s->user.ptr)
		return pop3_err(s, NULL, "USER first");
	begin(s);
	return answer(s, directory_login_password(s->login, s->user, argument));
}

enum pop3_run pop3_auth_line(struct pop3_session *s, struct slice line)
{
	return answer(s, directory_login_line(s->login, line));
}

enum pop3_run pop3_cmd_auth(struct pop3_session *s, struct slice argument)
{
	struct slice mechanism = slice_cut(&argument, ' ');
	argument = slice_trim(argument);
	if (mechanism.len == 0) { /* the old way to ask which there are */
		struct sasl_offer offer = directory_login_offer(s->net, s->service->directory);
		struct buf *out = net_output(s->net);
		buf_add_str(out, "+OK\r\n");
		sasl_list(&offer, "\r\n", out);
		buf_add_str(out, "\r\n.\r\n");
		return POP3_GO_ON;
	}
	begin(s);
	return answer(s, directory_login_sasl(
				 s->login, mechanism, argument.len > 0 ? argument : SLICE_NONE));
}
