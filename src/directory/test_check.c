/* Logins by password. */
#include "directory/test_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>

static uint64_t hashes(struct fixture *f)
{
	return directory_internal_figures(f->directory).hashes;
}

static void the_right_password_lets_in_and_others_do_not(void **state)
{
	struct fixture *f = *state;
	struct directory_user user;
	OK(directory_check(f->directory, SLICE("ANN@example.org"), SLICE("secret"), SLICE(""),
		DIRECTORY_IMAP, &f->arena, &user, &f->err));
	assert_slice(user.name, "ann@example.org");
	assert_true(id_eq(user.account, f->ann));
	const char *const wrong[] = {"Secret", "secre", "secret ", ""};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(fixture_check(f, "ann@example.org", wrong[i], DIRECTORY_IMAP),
			DIRECTORY_WRONG);
}

static void unknown_users_and_bare_names_are_unknown(void **state)
{
	struct fixture *f = *state;
	const char *const unknown[] = {
		"bob@example.org", "ann@example.com", "ann", "", "ann+x@example.org"};
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_int_equal(
			fixture_check(f, unknown[i], "secret", DIRECTORY_IMAP), DIRECTORY_UNKNOWN);
}

static void unknown_users_cost_as_many_hashes_as_wrong_passwords(void **state)
{
	struct fixture *f = *state;
	const char *const users[] = {"ann@example.org", "bob@example.org", "no address", ""};
	OK(directory_user_add(
		f->directory, SLICE("new@example.org"), SLICE(""), NULL, NULL, &f->err));
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		uint64_t before = hashes(f);
		assert_true(fixture_check(f, users[i], "wrong", DIRECTORY_IMAP) > 0);
		assert_int_equal(hashes(f) - before, 1);
	}
	uint64_t before = hashes(f);
	assert_int_equal(
		fixture_check(f, "new@example.org", "wrong", DIRECTORY_IMAP), DIRECTORY_WRONG);
	assert_int_equal(fixture_check(f, "new@example.org", "", DIRECTORY_IMAP), DIRECTORY_WRONG);
	assert_int_equal(hashes(f) - before, 2);
}

static void a_right_password_is_hashed_once_and_then_remembered(void **state)
{
	struct fixture *f = *state;
	uint64_t before = hashes(f);
	for (int i = 0; i < 5; i++)
		OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	assert_int_equal(hashes(f) - before, 1);
	assert_int_equal(directory_internal_figures(f->directory).remembered, 4);
}

static void wrong_passwords_are_not_remembered(void **state)
{
	struct fixture *f = *state;
	uint64_t before = hashes(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fixture_check(f, "ann@example.org", "wrong", DIRECTORY_IMAP),
			DIRECTORY_WRONG);
	assert_int_equal(hashes(f) - before, 3);
}

static void remembering_ends_in_time(void **state)
{
	struct fixture *f = *state;
	clock_fake(1000000, 1000000);
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	uint64_t before = hashes(f);
	clock_fake(1000000 + 599999, 1000000);
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	assert_int_equal(hashes(f) - before, 0);
	clock_fake(1000000 + 600000, 1000000);
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	assert_int_equal(hashes(f) - before, 1);
	clock_fake(-1, -1);
}

static void nothing_is_remembered_when_told_so(void **state)
{
	struct fixture *f = *state;
	directory_free(f->directory);
	fixture_directory(f, DIRECTORY_REMEMBER_NOTHING);
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	assert_int_equal(directory_internal_figures(f->directory).remembered, 0);
}

static void a_new_password_ends_what_was_remembered_at_once(void **state)
{
	struct fixture *f = *state;
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	OK(directory_user_password(
		f->directory, SLICE("ann@example.org"), SLICE("other"), &f->err));
	assert_int_equal(
		fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_WRONG);
	OK(fixture_check(f, "ann@example.org", "other", DIRECTORY_IMAP));
}

static void suspending_denies_a_remembered_user_at_once(void **state)
{
	struct fixture *f = *state;
	struct directory_values v = {.has = DIRECTORY_HAS_SUSPENDED, .suspended = true};
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &v, &f->err));
	assert_int_equal(
		fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_DENIED);
	assert_string_equal(f->err.text, "ann@example.org is suspended");
	assert_int_equal(
		fixture_check(f, "ann@example.org", "wrong", DIRECTORY_IMAP), DIRECTORY_WRONG);
	v.suspended = false;
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &v, &f->err));
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
}

static void a_removed_user_made_again_does_not_keep_his_password(void **state)
{
	struct fixture *f = *state;
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	OK(directory_user_remove(f->directory, SLICE("ann@example.org"), false, &f->err));
	assert_int_equal(
		fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_UNKNOWN);
	OK(directory_user_add(
		f->directory, SLICE("ann@example.org"), SLICE("new"), NULL, NULL, &f->err));
	assert_int_equal(
		fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_WRONG);
}

static void a_service_that_is_not_his_is_denied(void **state)
{
	struct fixture *f = *state;
	const struct directory_values v = {
		.has = DIRECTORY_HAS_SERVICES,
		.services = DIRECTORY_IMAP | DIRECTORY_DELIVERY,
	};
	struct directory_user user;
	OK(directory_user_set(f->directory, SLICE("ann@example.org"), &v, &f->err));
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	assert_int_equal(
		fixture_check(f, "ann@example.org", "secret", DIRECTORY_POP3), DIRECTORY_DENIED);
	assert_string_equal(f->err.text, "ann@example.org may not use pop3");
	OK(directory_user(
		f->directory, SLICE("ann@example.org"), DIRECTORY_IMAP, &f->arena, &user, &f->err));
	assert_int_equal(directory_user(f->directory, SLICE("ann@example.org"),
				 DIRECTORY_SUBMISSION, &f->arena, &user, &f->err),
		DIRECTORY_DENIED);
	assert_int_equal(directory_user(f->directory, SLICE("bob@example.org"), DIRECTORY_IMAP,
				 &f->arena, &user, &f->err),
		DIRECTORY_UNKNOWN);
}

static void an_app_password_lets_in_for_its_services_without_a_hash(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf made = BUF(100);
	struct slice ann = SLICE("ann@example.org"), phone = SLICE("phone");
	OK(directory_app_password_add(
		f->directory, ann, phone, DIRECTORY_IMAP | DIRECTORY_SUBMISSION, &made, &f->err));
	assert_int_equal(made.len, 23);
	uint64_t before = hashes(f);
	OK(fixture_check(f, "ann@example.org", buf_cstr(&made), DIRECTORY_IMAP));
	assert_int_equal(fixture_check(f, "ann@example.org", buf_cstr(&made), DIRECTORY_POP3),
		DIRECTORY_DENIED);
	assert_int_equal(hashes(f) - before, 0);
	OK(fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP));
	/* typed without dashes, in capitals */
	for (size_t i = 0; i < made.len; i++) {
		if (made.data[i] >= 'a' && made.data[i] <= 'z')
			made.data[i] = (char)(made.data[i] - 32);
		else if (made.data[i] == '-')
			made.data[i] = ' ';
	}
	OK(fixture_check(f, "ann@example.org", buf_cstr(&made), DIRECTORY_IMAP));
	OK(directory_app_password_remove(f->directory, ann, phone, &f->err));
	assert_int_equal(fixture_check(f, "ann@example.org", buf_cstr(&made), DIRECTORY_IMAP),
		DIRECTORY_WRONG);
}

static void an_app_password_does_not_reach_past_the_users_own_services(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf made = BUF(100);
	struct slice ann = SLICE("ann@example.org");
	const struct directory_values v = {
		.has = DIRECTORY_HAS_SERVICES,
		.services = DIRECTORY_POP3,
	};
	OK(directory_app_password_add(
		f->directory, ann, SLICE("all"), DIRECTORY_ALL_SERVICES, &made, &f->err));
	OK(directory_user_set(f->directory, ann, &v, &f->err));
	assert_int_equal(fixture_check(f, "ann@example.org", buf_cstr(&made), DIRECTORY_IMAP),
		DIRECTORY_DENIED);
	OK(fixture_check(f, "ann@example.org", buf_cstr(&made), DIRECTORY_POP3));
}

static void hashes_made_elsewhere_are_good(void **state)
{
	struct fixture *f = *state;
	struct slice ann = SLICE("ann@example.org");
	struct sasl_scram_keys keys;
	/* "password", salt "somesalt": libargon2's own published test vector */
	OK(directory_user_password_hash(f->directory, ann,
		SLICE("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1"
		      "bMCHGi/4"),
		&f->err));
	OK(fixture_check(f, "ann@example.org", "password", DIRECTORY_IMAP));
	assert_int_equal(
		fixture_check(f, "ann@example.org", "secret", DIRECTORY_IMAP), DIRECTORY_WRONG);
	/* There are no SCRAM keys for it: some are made up, so that nobody learns of it. */
	OK(directory_scram(f->directory, ann, &keys, &f->err));
	const char *const bad[] = {"", "secret", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$abc",
		"$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U",
		"$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		REFUSED(directory_user_password_hash(f->directory, ann, slice_str(bad[i]), &f->err),
			ERR_BAD_INPUT);
}

static void scram_keys_belong_to_the_password(void **state)
{
	struct fixture *f = *state;
	struct sasl_scram_keys first, second;
	OK(directory_scram(f->directory, SLICE("Ann@example.org"), &first, &f->err));
	assert_int_equal(first.iterations, 4096);
	OK(directory_user_password(
		f->directory, SLICE("ann@example.org"), SLICE("other"), &f->err));
	OK(directory_scram(f->directory, SLICE("ann@example.org"), &second, &f->err));
	assert_memory_not_equal(first.stored_key, second.stored_key, 32);
}

static void scram_keys_of_nobody_are_always_the_same_ones(void **state)
{
	struct fixture *f = *state;
	struct sasl_scram_keys first, second, other;
	OK(directory_scram(f->directory, SLICE("nobody@example.org"), &first, &f->err));
	OK(directory_scram(f->directory, SLICE("NOBODY@example.org"), &second, &f->err));
	OK(directory_scram(f->directory, SLICE("noone@example.org"), &other, &f->err));
	assert_int_equal(first.iterations, 4096);
	assert_memory_equal(&first, &second, sizeof(first));
	assert_memory_not_equal(first.salt, other.salt, sizeof(first.salt));
}

struct client {
	struct fixture *fixture;
	atomic_bool *stop;
	atomic_uint *epoch; /* the password is "p<epoch>", or already the next one */
	unsigned stale, failed;
};

static void *log_in_often(void *context)
{
	struct client *c = context;
	while (!atomic_load(c->stop)) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct directory_user user;
		struct err err;
		char password[16];
		unsigned epoch = atomic_load(c->epoch);
		(void)snprintf(password, sizeof(password), "p%u", epoch - 1);
		int r = directory_check(c->fixture->directory, SLICE("ann@example.org"),
			slice_str(password), SLICE(""), DIRECTORY_IMAP, &arena, &user, &err);
		c->stale += r == 0;
		c->failed += r < 0;
		(void)snprintf(password, sizeof(password), "p%u", epoch);
		r = directory_check(c->fixture->directory, SLICE("ann@example.org"),
			slice_str(password), SLICE(""), DIRECTORY_IMAP, &arena, &user, &err);
		c->failed += r != 0 && r != DIRECTORY_WRONG;
	}
	return NULL;
}

static void an_old_password_is_never_taken_once_the_new_one_is_set(void **state)
{
	enum { THREADS = 4, CHANGES = 30 };
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	struct client clients[THREADS];
	atomic_bool stop = false;
	atomic_uint epoch = 1;
	OK(directory_user_password(f->directory, SLICE("ann@example.org"), SLICE("p1"), &f->err));
	for (size_t i = 0; i < THREADS; i++) {
		clients[i] = (struct client){.fixture = f, .stop = &stop, .epoch = &epoch};
		assert_int_equal(pthread_create(&threads[i], NULL, log_in_often, &clients[i]), 0);
	}
	for (unsigned i = 2; i < CHANGES; i++) {
		char password[16];
		(void)snprintf(password, sizeof(password), "p%u", i);
		OK(directory_user_password(
			f->directory, SLICE("ann@example.org"), slice_str(password), &f->err));
		atomic_store(&epoch, i);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(clients[i].stale, 0);
		assert_int_equal(clients[i].failed, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(the_right_password_lets_in_and_others_do_not),
		WITH_FIXTURE(unknown_users_and_bare_names_are_unknown),
		WITH_FIXTURE(unknown_users_cost_as_many_hashes_as_wrong_passwords),
		WITH_FIXTURE(a_right_password_is_hashed_once_and_then_remembered),
		WITH_FIXTURE(wrong_passwords_are_not_remembered),
		WITH_FIXTURE(remembering_ends_in_time),
		WITH_FIXTURE(nothing_is_remembered_when_told_so),
		WITH_FIXTURE(a_new_password_ends_what_was_remembered_at_once),
		WITH_FIXTURE(suspending_denies_a_remembered_user_at_once),
		WITH_FIXTURE(a_removed_user_made_again_does_not_keep_his_password),
		WITH_FIXTURE(a_service_that_is_not_his_is_denied),
		WITH_FIXTURE(an_app_password_lets_in_for_its_services_without_a_hash),
		WITH_FIXTURE(an_app_password_does_not_reach_past_the_users_own_services),
		WITH_FIXTURE(an_old_password_is_never_taken_once_the_new_one_is_set),
		WITH_FIXTURE(hashes_made_elsewhere_are_good),
		WITH_FIXTURE(scram_keys_belong_to_the_password),
		WITH_FIXTURE(scram_keys_of_nobody_are_always_the_same_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
