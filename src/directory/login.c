/* The rules of a login, and the SASL exchange behind its base64. */
#include "directory/login.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/must.h"
#include "directory/sasl.h"

enum { MAGIC = 0x4c4f4749 };
enum phase { NEW, EXPECTS_LINE, EXPECTS_EMPTY_LINE, PAUSED, OVER };

struct directory_login {
	uint32_t magic;
	enum phase phase;
	struct directory_login_options options;
	struct directory_sasl asked;
	struct sasl_session *sasl;
	struct buf challenge;
	struct arena arena;               /* of the user */
	int64_t asked_ms, pause_until_ms; /* monotonic */
};

struct directory_login *directory_login_new(const struct directory_login_options *options)
{
	struct directory_login *login = ALLOC(struct directory_login);
	login->magic = MAGIC;
	login->options = *options;
	login->challenge = BUF(DIRECTORY_LOGIN_LINE_MAX + 1);
	login->asked = (struct directory_sasl){
		.directory = options->directory,
		.service = options->service,
		.arena = &login->arena,
		.may_act = options->may_act,
	};
	memcpy(login->asked.client, options->client, sizeof(login->asked.client));
	return login;
}

void directory_login_free(struct directory_login *login)
{
	if (!login)
		return;
	must(login->magic == MAGIC);
	login->magic = 0;
	sasl_free(login->sasl);
	buf_free(&login->challenge);
	arena_free(&login->arena);
	free(login);
}

/* Too many wrong passwords came from there: nothing is checked, so nothing can be guessed. */
static bool is_blocked(const struct directory_login *login)
{
	const struct directory_login_options *o = &login->options;
	if (directory_throttle_allows(o->throttle, slice_str(o->client)))
		return false;
	log_warn(o->log, "login not tried, too many failures from this address",
		F_STR("protocol", o->protocol));
	return true;
}

static enum directory_login_outcome done(const struct directory_login *login)
{
	const struct directory_login_options *o = &login->options;
	atomic_fetch_add_explicit(o->logins, 1, memory_order_relaxed);
	if (login->asked.master.len > 0)
		log_info(o->log, "login", F_SLICE("user", login->asked.user.name),
			F_STR("protocol", o->protocol), F_STR("tls", o->tls ? "yes" : "no"),
			F_SLICE("master", login->asked.master));
	else
		log_info(o->log, "login", F_SLICE("user", login->asked.user.name),
			F_STR("protocol", o->protocol), F_STR("tls", o->tls ? "yes" : "no"));
	return DIRECTORY_LOGIN_DONE;
}

static enum directory_login_outcome refuse(struct directory_login *login, struct slice user)
{
	const struct directory_login_options *o = &login->options;
	/* What a front end does in a client's name is not the client's fault. */
	if (!login->asked.by_master)
		directory_throttle_failed(o->throttle, slice_str(o->client));
	atomic_fetch_add_explicit(o->failed, 1, memory_order_relaxed);
	log_warn(o->log, "login refused", F_STR("protocol", o->protocol), F_SLICE("login", user));
	login->phase = PAUSED;
	login->pause_until_ms = login->asked_ms + DIRECTORY_LOGIN_PAUSE_MS;
	return DIRECTORY_LOGIN_PAUSE;
}

static enum directory_login_outcome not_now(
	const struct directory_login *login, const struct err *err)
{
	log_error(login->options.log, "login can't be decided now", F_ERR(err));
	return DIRECTORY_LOGIN_NOT_NOW;
}

enum directory_login_outcome directory_login_password(
	struct directory_login *login, struct slice user, struct slice password)
{
	struct directory_sasl *asked = &login->asked;
	struct err err;
	must(login->phase == NEW);
	login->phase = OVER;
	if (is_blocked(login))
		return DIRECTORY_LOGIN_BLOCKED;
	login->asked_ms = clock_mono_ms();
	int r = directory_check(asked->directory, user, password, slice_str(asked->client),
		asked->service, &login->arena, &asked->user, &err);
	if (r < 0)
		return not_now(login, &err);
	if (r == DIRECTORY_DENIED) {
		asked->denied = err;
		return DIRECTORY_LOGIN_DENIED;
	}
	return r == 0 ? done(login) : refuse(login, user);
}

static enum directory_login_outcome challenge(
	struct directory_login *login, struct slice bytes, enum phase phase)
{
	base64_encode(&login->challenge, bytes);
	login->phase = phase;
	return DIRECTORY_LOGIN_CHALLENGE;
}

static enum directory_login_outcome step(struct directory_login *login, struct slice message)
{
	AUTO(buf_free) struct buf reply = BUF(SASL_MESSAGE_MAX);
	struct err err;
	buf_clear(&login->challenge);
	login->asked_ms = clock_mono_ms();
	switch (sasl_step(login->sasl, message, &reply, &err)) {
	case SASL_CONTINUE:
		return challenge(login, buf_slice(&reply), EXPECTS_LINE);
	case SASL_DONE:
		/* None of the protocols can send data with its "yes". */
		return reply.len > 0 ? challenge(login, buf_slice(&reply), EXPECTS_EMPTY_LINE)
				     : done(login);
	case SASL_MALFORMED:
		return DIRECTORY_LOGIN_MALFORMED;
	case SASL_TEMPORARY:
		return not_now(login, &err);
	case SASL_DENIED:
		break;
	}
	return login->asked.denied.class != ERR_NONE ? DIRECTORY_LOGIN_DENIED
						     : refuse(login, sasl_user(login->sasl));
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

/* In one piece: a buffer that grew would leave parts of a password behind. */
static bool decode(struct buf *to, struct slice text)
{
	*to = BUF(text.len + 1);
	return buf_reserve(to, text.len + 1) && base64_decode(to, text);
}

enum directory_login_outcome directory_login_sasl(
	struct directory_login *login, struct slice mechanism, struct slice initial)
{
	AUTO(wipe) struct buf message = {0};
	must(login->phase == NEW);
	login->phase = OVER;
	if (initial.len > DIRECTORY_LOGIN_LINE_MAX)
		return DIRECTORY_LOGIN_TOO_LONG;
	if (slice_eq(initial, SLICE("=")))
		initial.len = 0;
	if (!decode(&message, initial))
		return DIRECTORY_LOGIN_NOT_BASE64;
	if (is_blocked(login))
		return DIRECTORY_LOGIN_BLOCKED;
	struct sasl_callbacks callbacks = directory_sasl_callbacks(&login->asked);
	login->sasl = sasl_new(mechanism, &login->options.offer, &callbacks);
	if (!login->sasl)
		return DIRECTORY_LOGIN_NO_MECHANISM;
	return step(login, initial.ptr ? buf_slice(&message) : SLICE_NONE);
}

enum directory_login_outcome directory_login_line(struct directory_login *login, struct slice line)
{
	AUTO(wipe) struct buf message = {0};
	must(login->phase == EXPECTS_LINE || login->phase == EXPECTS_EMPTY_LINE);
	bool ends = login->phase == EXPECTS_EMPTY_LINE;
	login->phase = OVER;
	line = slice_trim(line);
	if (slice_eq(line, SLICE("*")))
		return DIRECTORY_LOGIN_CANCELLED;
	if (line.len > DIRECTORY_LOGIN_LINE_MAX)
		return DIRECTORY_LOGIN_TOO_LONG;
	if (!decode(&message, line))
		return DIRECTORY_LOGIN_NOT_BASE64;
	if (ends)
		return message.len == 0 ? done(login) : DIRECTORY_LOGIN_MALFORMED;
	return step(login, buf_slice(&message));
}

enum directory_login_outcome directory_login_wait(
	struct directory_login *login, unsigned *ret_left_ms)
{
	must(login->phase == PAUSED);
	*ret_left_ms = (unsigned)MAX(login->pause_until_ms - clock_mono_ms(), 0);
	if (*ret_left_ms > 0)
		return DIRECTORY_LOGIN_PAUSE;
	login->phase = OVER;
	return ++*login->options.refusals < DIRECTORY_LOGIN_REFUSALS_MAX
		       ? DIRECTORY_LOGIN_REFUSED
		       : DIRECTORY_LOGIN_REFUSED_LAST;
}

const char *directory_login_challenge(struct directory_login *login)
{
	return buf_cstr(&login->challenge);
}

const struct directory_user *directory_login_user(const struct directory_login *login)
{
	return &login->asked.user;
}

const char *directory_login_reason(const struct directory_login *login)
{
	return login->asked.denied.text;
}
