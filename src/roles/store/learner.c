/* One message at a time. When the controller can't be reached or refuses us, all wait, for longer
 * each time; a message that it fails at is put off by itself. */
#include "roles/store/learner.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "roles/fetch.h"

enum {
	LOOK_MS = 1000,
	SCAN_MS = 10 * 60 * 1000, /* for what the other node of a mirror left, or had no room */
	POST_MS = 60 * 1000,
	AGAIN_MS = 1000, /* doubles each time */
	PAUSE_MAX_MS = 60 * 1000,
	PUT_OFF_MAX_MS = 60 * 60 * 1000,
	KEEP_SECONDS = 5 * 24 * 3600,
	ANSWER_MAX = 1024,
	ACCOUNT_AT_ONCE = 100, /* messages, before other accounts have their turn */
};
_Static_assert((int)POST_MS < (int)MAIL_LEARN_CLAIM_MS, "a claim outlives its post");

uint16_t learner_port(const struct conf_learn *conf)
{
	struct net_address address;
	struct err ignored;
	if (net_address_parse(slice_str(conf->address), &address, &ignored) < 0)
		return 0;
	return net_address_port(&address);
}

static int64_t doubled(unsigned times, int64_t max)
{
	return MIN((int64_t)AGAIN_MS << MIN(times, 20u), max);
}

static const char *name_of(enum mail_learn_as as)
{
	return as == MAIL_LEARN_SPAM ? "spam" : "ham";
}

static void log_lesson(const char *what, const struct mail_lesson *lesson, const struct err *why)
{
	char blob[ID_TEXT_SIZE + 1], account[ID_TEXT_SIZE + 1];
	id_to_text(lesson->blob, blob);
	id_to_text(lesson->account, account);
	if (why)
		log_warn(NULL, what, F_STR("as", name_of(lesson->as)), F_STR("account", account),
			F_STR("body", blob), F_ERR(why));
	else
		log_info(NULL, what, F_STR("as", name_of(lesson->as)), F_STR("account", account),
			F_STR("body", blob));
}

enum outcome {
	LEARNT,
	REFUSED, /* it never will be */
	FAILED,  /* not now */
	UNWELL,  /* not now, nor will others be */
};

/* rspamd answers 200 when it has learnt, 204 and 208 when there is nothing to learn, or it was
 * learnt before; before its version 3.0 that was another status with the same words. */
static enum outcome judge(unsigned status, struct slice answer)
{
	if (status / 100 == 2 || slice_search(answer, SLICE("already learned")) >= 0)
		return LEARNT;
	switch (status) {
	case 400:
	case 413:
	case 415:
	case 422:
		return REFUSED;
	case 401:
	case 403:
	case 404:
	case 405:
	case 429:
	case 502:
	case 503:
		return UNWELL;
	default:
		return FAILED;
	}
}

/* What can't be read is refused: its body is gone, or damaged. `why` is set but for LEARNT. */
static enum outcome teach(struct learner *l, const struct mail_lesson *lesson, struct err *why)
{
	AUTO(buf_free) struct buf message = BUF(MAIL_LEARN_MESSAGE_MAX), answer = BUF(ANSWER_MAX);
	unsigned status;
	int r = store_read_blob(mail_store(l->mail), lesson->blob, 0, lesson->size, &message, why);
	if (r > 0)
		r = err_permanent(why, ERR_ABSENT, "its body is gone");
	if (r < 0)
		return why->class == ERR_TEMPORARY ? FAILED : REFUSED;
	struct fetch_post post = {.address = l->role->settings->store.learn.address,
		.path = lesson->as == MAIL_LEARN_SPAM ? "/learnspam" : "/learnham",
		.field = l->field,
		.body = buf_slice(&message),
		.timeout_ms = POST_MS,
		.stop = &l->role->stopping};
	if (fetch_post(&post, &answer, &status, why) < 0)
		return UNWELL;
	(void)err_temporary(why, ERR_UNAVAILABLE, "%s answers with %u %.*s", post.address, status,
		SLICE_ARG(buf_slice(&answer)));
	return judge(status, buf_slice(&answer));
}

static int put_off(
	struct learner *l, const struct mail_lesson *lesson, int64_t max, struct err *err)
{
	int64_t due = clock_wall_ms() + doubled(lesson->tries, max);
	int r = mail_learn_put_off(l->mail, lesson, due, err);
	mail_learn_expect(l->mail, lesson->account, due);
	return r;
}

static void pause_a_while(struct learner *l)
{
	l->paused_till = clock_mono_ms() + doubled(l->failures, PAUSE_MAX_MS);
	l->failures++;
}

static int settle(struct learner *l, const struct mail_lesson *lesson, enum outcome outcome,
	const struct err *why, struct err *err)
{
	bool is_old = clock_wall() - lesson->noted > KEEP_SECONDS;
	if (outcome == LEARNT) {
		l->failures = 0;
		(void)atomic_fetch_add(&l->learnt[lesson->as], 1);
		log_lesson("a message was learnt", lesson, NULL);
		return mail_learn_done(l->mail, lesson, err);
	}
	if (outcome == UNWELL)
		pause_a_while(l);
	if (outcome == REFUSED || is_old) {
		(void)atomic_fetch_add(&l->given_up, 1);
		log_lesson("a message is not learnt, and given up", lesson, why);
		return mail_learn_done(l->mail, lesson, err);
	}
	(void)atomic_fetch_add(&l->failed, 1);
	log_lesson("a message is not learnt yet", lesson, why);
	return put_off(l, lesson, outcome == UNWELL ? PAUSE_MAX_MS : PUT_OFF_MAX_MS, err);
}

static bool may_go_on(const struct learner *l)
{
	return !atomic_load(&l->role->stopping) && clock_mono_ms() >= l->paused_till;
}

static void teach_account(struct learner *l, struct id account)
{
	struct mail_lesson lesson;
	struct err why, err;
	int r = 0;
	for (unsigned i = 0; r == 0 && i < ACCOUNT_AT_ONCE && may_go_on(l); i++) {
		r = mail_learn_claim(l->mail, account, clock_wall_ms(), &lesson, &err);
		if (r == 0) {
			enum outcome outcome = teach(l, &lesson, &why);
			r = settle(l, &lesson, outcome, &why, &err);
		}
	}
	if (r == MAIL_ABSENT)
		return;
	if (r < 0) {
		log_warn(NULL, "what waits to be learnt can't be had", F_ERR(&err));
		pause_a_while(l);
	}
	mail_learn_expect(l->mail, account, 0);
}

static void scan(struct learner *l)
{
	struct err err;
	if (clock_mono_ms() < l->scan_at && !mail_learn_missed(l->mail))
		return;
	l->scan_at = clock_mono_ms() + SCAN_MS;
	if (mail_learn_scan(l->mail, &l->role->stopping, &err) < 0)
		log_warn(NULL, "what waits to be learnt can't be looked for", F_ERR(&err));
}

static void look(void *context)
{
	struct learner *l = context;
	struct id account;
	if (!may_go_on(l))
		return;
	scan(l);
	while (may_go_on(l) && mail_learn_take(l->mail, clock_wall_ms(), &account))
		teach_account(l, account);
}

void learner_start(struct learner *learner, struct role *role, struct mail *mail)
{
	const char *password = role->settings->store.learn.password;
	fetch_begin();
	*learner = (struct learner){.role = role, .mail = mail};
	if (password[0]) {
		size_t size = strlen("Password: ") + strlen(password) + 1;
		learner->field = alloc_zero(size, 1);
		(void)snprintf(learner->field, size, "Password: %s", password);
	}
	net_loop_every(role->loop, LOOK_MS, look, learner);
}

void learner_metrics(struct learner *l, struct buf *to)
{
	if (!l->role)
		return;
	role_metric(l->role, to, "learnt_total", "as=\"spam\"", l->learnt[MAIL_LEARN_SPAM]);
	role_metric(l->role, to, "learnt_total", "as=\"ham\"", l->learnt[MAIL_LEARN_HAM]);
	role_metric(l->role, to, "learn_failures_total", "", l->failed);
	role_metric(l->role, to, "learn_given_up_total", "", l->given_up);
}

void learner_deinit(struct learner *learner)
{
	free(learner->field);
}
