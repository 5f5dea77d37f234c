/* A login's outcomes, its rules, and what it leaves in the log. */
#include "directory/login.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/test.h"
#include "directory/fake.h"
#include "sasl/client.h"

#include <sys/mman.h>
#include <unistd.h>

#define CLIENT "192.0.2.1"

static const struct directory_fake_user users[] = {
	{.name = "ann@example.org", .password = "secret"},
	{.name = "bob@example.org", .password = "bob", .user = {.services = DIRECTORY_POP3}},
};

struct world {
	struct directory *fake;
	struct directory_throttle *throttle;
	atomic_uint_fast64_t logins, failed;
	unsigned refusals;
	bool may_act;
	int log_fd;
	struct directory_login *login;
};

/* Two failures within a minute block an address. */
static void begin(struct world *w)
{
	*w = (struct world){.fake = directory_fake_new(users, ARRAY_LEN(users))};
	w->throttle = directory_throttle_new(2, 60 * 1000);
	w->log_fd = memfd_create("log", 0);
	assert_true(w->log_fd >= 0);
	log_setup(LOG_INFO, LOG_LOGFMT, w->log_fd);
	clock_fake(1000000, 1000000);
}

static void end(struct world *w)
{
	directory_login_free(w->login);
	directory_throttle_free(w->throttle);
	directory_free(w->fake);
	log_setup(LOG_INFO, LOG_LOGFMT, 2);
	(void)close(w->log_fd);
	clock_fake(-1, -1);
}

/* The next login on the connection. */
static struct directory_login *next(struct world *w)
{
	const struct directory_login_options options = {
		.directory = w->fake,
		.service = DIRECTORY_IMAP,
		.protocol = "imap",
		.throttle = w->throttle,
		.logins = &w->logins,
		.failed = &w->failed,
		.refusals = &w->refusals,
		.offer = {.plain = true, .scram = true},
		.tls = true,
		.client = CLIENT,
		.may_act = w->may_act,
	};
	directory_login_free(w->login);
	w->login = directory_login_new(&options);
	return w->login;
}

static enum directory_login_outcome password(struct world *w, const char *user, const char *text)
{
	return directory_login_password(next(w), slice_str(user), slice_str(text));
}

static enum directory_login_outcome sasl(
	struct world *w, const char *mechanism, struct slice initial)
{
	return directory_login_sasl(next(w), slice_str(mechanism), initial);
}

static enum directory_login_outcome line(struct world *w, const char *text)
{
	return directory_login_line(w->login, slice_str(text));
}

/* A PLAIN exchange whose message comes after an empty challenge. */
static enum directory_login_outcome plain(struct world *w, struct slice message)
{
	AUTO(buf_free) struct buf text = BUF(1000);
	base64_encode(&text, message);
	assert_int_equal(sasl(w, "PLAIN", SLICE_NONE), DIRECTORY_LOGIN_CHALLENGE);
	assert_string_equal(directory_login_challenge(w->login), "");
	return line(w, buf_cstr(&text));
}

static void assert_logged(const struct world *w, const char *text, bool there)
{
	char log[4096] = "";
	assert_true(pread(w->log_fd, log, sizeof(log) - 1, 0) >= 0);
	if ((strstr(log, text) != NULL) != there)
		fail_msg("%s \"%s\" in the log: %s", there ? "expected" : "did not expect", text,
			log);
}

static void the_right_password_is_in_and_counted(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(password(&w, "ann@example.org", "secret"), DIRECTORY_LOGIN_DONE);
	assert_slice(directory_login_user(w.login)->name, "ann@example.org");
	assert_int_equal(w.logins, 1);
	assert_int_equal(w.failed, 0);
	assert_logged(&w, "event=login user=ann@example.org protocol=imap tls=yes\n", true);
	end(&w);
}

static void a_wrong_password_is_refused_after_the_pause(void **state)
{
	struct world w;
	unsigned left;
	begin(&w);
	assert_int_equal(password(&w, "ann@example.org", "guess"), DIRECTORY_LOGIN_PAUSE);
	assert_int_equal(w.failed, 1);
	clock_fake(1000000 + DIRECTORY_LOGIN_PAUSE_MS - 1, 1000000);
	assert_int_equal(directory_login_wait(w.login, &left), DIRECTORY_LOGIN_PAUSE);
	assert_int_equal(left, 1);
	assert_int_equal(w.refusals, 0);
	clock_fake(1000000 + DIRECTORY_LOGIN_PAUSE_MS, 1000000);
	assert_int_equal(directory_login_wait(w.login, &left), DIRECTORY_LOGIN_REFUSED);
	assert_int_equal(w.refusals, 1);
	assert_logged(&w, "event=\"login refused\" protocol=imap login=ann@example.org\n", true);
	assert_logged(&w, "guess", false);
	end(&w);
}

static void the_fifth_refusal_on_a_connection_is_the_last(void **state)
{
	struct world w;
	unsigned left;
	begin(&w);
	directory_throttle_free(w.throttle);
	w.throttle = NULL;
	for (int i = 1; i <= DIRECTORY_LOGIN_REFUSALS_MAX; i++) {
		assert_int_equal(
			plain(&w, SLICE("\0ann@example.org\0guess")), DIRECTORY_LOGIN_PAUSE);
		clock_fake(1000000 + i * DIRECTORY_LOGIN_PAUSE_MS, 1000000);
		assert_int_equal(directory_login_wait(w.login, &left),
			i < DIRECTORY_LOGIN_REFUSALS_MAX ? DIRECTORY_LOGIN_REFUSED
							 : DIRECTORY_LOGIN_REFUSED_LAST);
	}
	assert_int_equal(w.failed, DIRECTORY_LOGIN_REFUSALS_MAX);
	end(&w);
}

static void who_failed_too_often_is_blocked_and_nothing_is_asked(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(password(&w, "ann@example.org", "guess"), DIRECTORY_LOGIN_PAUSE);
	assert_int_equal(plain(&w, SLICE("\0zoe@example.org\0guess")), DIRECTORY_LOGIN_PAUSE);
	unsigned asked = directory_fake_calls(w.fake);
	assert_int_equal(password(&w, "ann@example.org", "secret"), DIRECTORY_LOGIN_BLOCKED);
	assert_int_equal(sasl(&w, "PLAIN", SLICE_NONE), DIRECTORY_LOGIN_BLOCKED);
	assert_int_equal(directory_fake_calls(w.fake), asked);
	assert_int_equal(w.failed, 2);
	assert_logged(&w, "login not tried, too many failures from this address", true);
	end(&w);
}

static void right_but_not_allowed_is_denied_with_the_reason_and_no_failure(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(password(&w, "bob@example.org", "bob"), DIRECTORY_LOGIN_DENIED);
	assert_string_equal(directory_login_reason(w.login), "bob@example.org may not use imap");
	assert_int_equal(plain(&w, SLICE("\0bob@example.org\0bob")), DIRECTORY_LOGIN_DENIED);
	assert_string_equal(directory_login_reason(w.login), "bob@example.org may not use imap");
	assert_int_equal(w.failed, 0);
	end(&w);
}

static void a_directory_that_cannot_tell_is_not_now_and_no_failure(void **state)
{
	struct world w;
	begin(&w);
	directory_fake_set_dead(w.fake, true);
	assert_int_equal(password(&w, "ann@example.org", "secret"), DIRECTORY_LOGIN_NOT_NOW);
	assert_int_equal(plain(&w, SLICE("\0ann@example.org\0secret")), DIRECTORY_LOGIN_NOT_NOW);
	assert_int_equal(w.failed, 0);
	assert_logged(
		&w, "event=\"login can't be decided now\" error=\"the fake plays dead\"", true);
	end(&w);
}

static void an_exchange_may_begin_with_or_without_an_initial_response(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(
		sasl(&w, "plain", SLICE("AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=")), DIRECTORY_LOGIN_DONE);
	assert_slice(directory_login_user(w.login)->name, "ann@example.org");
	assert_int_equal(plain(&w, SLICE("\0ann@example.org\0secret")), DIRECTORY_LOGIN_DONE);
	/* an empty one is no PLAIN message, and an answer nevertheless */
	assert_int_equal(sasl(&w, "PLAIN", SLICE("=")), DIRECTORY_LOGIN_MALFORMED);
	assert_int_equal(sasl(&w, "PLAIN", SLICE("")), DIRECTORY_LOGIN_MALFORMED);
	assert_int_equal(w.logins, 2);
	end(&w);
}

/* The client's next message in base64, to the challenge that waits. */
static void answer_of(struct sasl_client *client, const struct world *w, struct buf *to)
{
	AUTO(buf_free) struct buf challenge = BUF(1000), reply = BUF(1000);
	struct err err;
	bool first = !w->login;
	assert_true(
		first || base64_decode(&challenge, slice_str(directory_login_challenge(w->login))));
	assert_true(sasl_client_step(
			    client, first ? SLICE_NONE : buf_slice(&challenge), &reply, &err) >= 0);
	buf_clear(to);
	base64_encode(to, buf_slice(&reply));
}

/* Up to the challenge that carries the server's proof. */
static void scram_till_proof(struct world *w)
{
	const struct sasl_client_options options = {
		.user = SLICE("ann@example.org"), .password = SLICE("secret")};
	struct sasl_client *client = sasl_client_new(SLICE("SCRAM-SHA-256"), &options);
	AUTO(buf_free) struct buf text = BUF(1000);
	assert_non_null(client);
	directory_login_free(w->login);
	w->login = NULL;
	answer_of(client, w, &text);
	assert_int_equal(
		sasl(w, "SCRAM-SHA-256", slice_str(buf_cstr(&text))), DIRECTORY_LOGIN_CHALLENGE);
	answer_of(client, w, &text);
	assert_int_equal(line(w, buf_cstr(&text)), DIRECTORY_LOGIN_CHALLENGE);
	answer_of(client, w, &text);
	assert_true(sasl_client_is_done(client));
	assert_int_equal(text.len, 0);
	sasl_client_free(client);
}

static void last_data_is_a_challenge_that_an_empty_line_answers(void **state)
{
	struct world w;
	begin(&w);
	scram_till_proof(&w);
	assert_int_equal(w.logins, 0);
	assert_int_equal(line(&w, "\r"), DIRECTORY_LOGIN_DONE);
	assert_slice(directory_login_user(w.login)->name, "ann@example.org");
	assert_int_equal(w.logins, 1);
	scram_till_proof(&w);
	assert_int_equal(line(&w, "AAAA"), DIRECTORY_LOGIN_MALFORMED);
	scram_till_proof(&w);
	assert_int_equal(line(&w, "*"), DIRECTORY_LOGIN_CANCELLED);
	assert_int_equal(w.logins, 1);
	end(&w);
}

static void a_star_cancels(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(sasl(&w, "LOGIN", SLICE_NONE), DIRECTORY_LOGIN_CHALLENGE);
	assert_string_equal(directory_login_challenge(w.login), "VXNlcm5hbWU6");
	assert_int_equal(line(&w, " *\r"), DIRECTORY_LOGIN_CANCELLED);
	assert_int_equal(w.failed, 0);
	end(&w);
}

static void what_is_no_base64_is_told_before_anything_is_asked(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(sasl(&w, "PLAIN", SLICE("x")), DIRECTORY_LOGIN_NOT_BASE64);
	assert_int_equal(sasl(&w, "NONE", SLICE("A=B=")), DIRECTORY_LOGIN_NOT_BASE64);
	assert_int_equal(sasl(&w, "PLAIN", SLICE_NONE), DIRECTORY_LOGIN_CHALLENGE);
	assert_int_equal(line(&w, "A"), DIRECTORY_LOGIN_NOT_BASE64);
	assert_int_equal(directory_fake_calls(w.fake), 0);
	end(&w);
}

static void what_the_mechanism_does_not_expect_is_malformed(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(plain(&w, SLICE("no NULs")), DIRECTORY_LOGIN_MALFORMED);
	assert_int_equal(sasl(&w, "SCRAM-SHA-256", SLICE("AAAA")), DIRECTORY_LOGIN_MALFORMED);
	assert_int_equal(w.failed, 0);
	end(&w);
}

static void a_line_longer_than_a_message_can_be_is_too_long(void **state)
{
	static char text[DIRECTORY_LOGIN_LINE_MAX + 5];
	struct world w;
	memset(text, 'A', sizeof(text) - 1);
	begin(&w);
	assert_int_equal(sasl(&w, "PLAIN", slice_str(text)), DIRECTORY_LOGIN_TOO_LONG);
	assert_int_equal(sasl(&w, "PLAIN", SLICE_NONE), DIRECTORY_LOGIN_CHALLENGE);
	assert_int_equal(line(&w, text), DIRECTORY_LOGIN_TOO_LONG);
	text[DIRECTORY_LOGIN_LINE_MAX] = '\0';
	assert_int_equal(sasl(&w, "PLAIN", slice_str(text)), DIRECTORY_LOGIN_MALFORMED);
	end(&w);
}

static void only_mechanisms_of_the_offer_are_taken(void **state)
{
	struct world w;
	begin(&w);
	assert_int_equal(sasl(&w, "CRAM-MD5", SLICE_NONE), DIRECTORY_LOGIN_NO_MECHANISM);
	assert_int_equal(sasl(&w, "SCRAM-SHA-256-PLUS", SLICE_NONE), DIRECTORY_LOGIN_NO_MECHANISM);
	end(&w);
}

static void a_connection_that_breaks_leaves_nothing(void **state)
{
	struct world w;
	begin(&w);
	scram_till_proof(&w);
	(void)next(&w);
	assert_int_equal(password(&w, "ann@example.org", "guess"), DIRECTORY_LOGIN_PAUSE);
	end(&w); /* the leak checker looks */
}

static void a_wrong_password_of_a_master_is_not_the_clients_fault(void **state)
{
	struct world w;
	unsigned left_ms;
	begin(&w);
	w.may_act = true;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			plain(&w, SLICE("ann@example.org\0mo\0wrong")), DIRECTORY_LOGIN_PAUSE);
		clock_fake(1000000 + (i + 1) * 10000, 1000000);
		assert_int_equal(directory_login_wait(w.login, &left_ms), DIRECTORY_LOGIN_REFUSED);
	}
	assert_int_equal(w.failed, 3);
	assert_int_equal(password(&w, "ann@example.org", "secret"), DIRECTORY_LOGIN_DONE);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_is_in_and_counted),
		cmocka_unit_test(a_wrong_password_is_refused_after_the_pause),
		cmocka_unit_test(the_fifth_refusal_on_a_connection_is_the_last),
		cmocka_unit_test(who_failed_too_often_is_blocked_and_nothing_is_asked),
		cmocka_unit_test(right_but_not_allowed_is_denied_with_the_reason_and_no_failure),
		cmocka_unit_test(a_directory_that_cannot_tell_is_not_now_and_no_failure),
		cmocka_unit_test(an_exchange_may_begin_with_or_without_an_initial_response),
		cmocka_unit_test(last_data_is_a_challenge_that_an_empty_line_answers),
		cmocka_unit_test(a_star_cancels),
		cmocka_unit_test(what_is_no_base64_is_told_before_anything_is_asked),
		cmocka_unit_test(what_the_mechanism_does_not_expect_is_malformed),
		cmocka_unit_test(a_line_longer_than_a_message_can_be_is_too_long),
		cmocka_unit_test(only_mechanisms_of_the_offer_are_taken),
		cmocka_unit_test(a_connection_that_breaks_leaves_nothing),
		cmocka_unit_test(a_wrong_password_of_a_master_is_not_the_clients_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
