/* The two guards of the expensive hash: what is remembered, and how many run at once. */
#include "base/test.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "directory/password.h"
#include "directory/remember.h"

#include <pthread.h>
#include <sched.h>

static struct id id_of(uint64_t n)
{
	struct id id = ID_NONE;
	bytes_put_be64(id.bytes, n);
	return id;
}

static void only_the_same_account_change_and_password_are_remembered(void **state)
{
	struct directory_memory *m = directory_memory_new(600);
	directory_memory_add(m, id_of(1), 5, SLICE("secret"));
	assert_true(directory_memory_has(m, id_of(1), 5, SLICE("secret")));
	assert_false(directory_memory_has(m, id_of(2), 5, SLICE("secret")));
	assert_false(directory_memory_has(m, id_of(1), 6, SLICE("secret")));
	assert_false(directory_memory_has(m, id_of(1), 5, SLICE("secreT")));
	assert_false(directory_memory_has(m, id_of(1), 5, SLICE("secre")));
	assert_false(directory_memory_has(m, id_of(1), 5, SLICE("")));
	directory_memory_free(m);
}

static void two_processes_remember_under_different_keys(void **state)
{
	/* the table is keyed: the same login lies elsewhere, with another digest, in another one */
	struct directory_memory *a = directory_memory_new(600), *b = directory_memory_new(600);
	directory_memory_add(a, id_of(1), 5, SLICE("secret"));
	assert_false(directory_memory_has(b, id_of(1), 5, SLICE("secret")));
	directory_memory_free(a);
	directory_memory_free(b);
}

static void a_full_table_keeps_the_newest_and_does_not_grow(void **state)
{
	enum { MANY = 2 * DIRECTORY_REMEMBERED_MAX };
	struct directory_memory *m = directory_memory_new(600);
	size_t kept = 0;
	for (uint64_t i = 0; i < MANY; i++) {
		clock_fake(1000 + (int64_t)i, 1000);
		directory_memory_add(m, id_of(i), 1, SLICE("secret"));
		assert_true(directory_memory_has(m, id_of(i), 1, SLICE("secret")));
	}
	for (uint64_t i = 0; i < MANY; i++)
		kept += directory_memory_has(m, id_of(i), 1, SLICE("secret"));
	assert_true(kept <= DIRECTORY_REMEMBERED_MAX);
	assert_true(kept > DIRECTORY_REMEMBERED_MAX * 9 / 10);
	clock_fake(-1, -1);
	directory_memory_free(m);
}

static void an_entry_added_again_lives_longer(void **state)
{
	struct directory_memory *m = directory_memory_new(10);
	clock_fake(1000, 1000);
	directory_memory_add(m, id_of(1), 5, SLICE("secret"));
	clock_fake(10999, 1000);
	directory_memory_add(m, id_of(1), 5, SLICE("secret"));
	clock_fake(15000, 1000);
	assert_true(directory_memory_has(m, id_of(1), 5, SLICE("secret")));
	clock_fake(20999, 1000);
	assert_false(directory_memory_has(m, id_of(1), 5, SLICE("secret")));
	clock_fake(-1, -1);
	directory_memory_free(m);
}

static void a_hash_is_right_for_its_password_only(void **state)
{
	struct directory_hasher *h = directory_hasher_new(8, 1);
	AUTO(buf_free) struct buf hash = BUF(DIRECTORY_HASH_TEXT_MAX);
	AUTO(buf_free) struct buf again = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct err err;
	assert_int_equal(directory_hasher_make(h, SLICE("secret"), &hash, &err), 0);
	assert_int_equal(directory_hasher_make(h, SLICE("secret"), &again, &err), 0);
	assert_false(slice_eq(buf_slice(&hash), buf_slice(&again))); /* salted */
	assert_true(directory_hash_is_sound(buf_slice(&hash)));
	assert_int_equal(directory_hasher_verify(h, buf_slice(&hash), SLICE("secret"), &err), 0);
	assert_int_equal(directory_hasher_verify(h, buf_slice(&hash), SLICE("Secret"), &err),
		DIRECTORY_WRONG);
	assert_int_equal(directory_hasher_verify(h, SLICE_NONE, SLICE(""), &err), DIRECTORY_WRONG);
	assert_int_equal(directory_hasher_count(h), 5);
	directory_hasher_free(h);
}

static void a_password_typed_in_another_normal_form_is_the_same(void **state)
{
	struct directory_hasher *h = directory_hasher_new(8, 1);
	AUTO(buf_free) struct buf hash = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct err err;
	assert_int_equal(directory_hasher_make(h, SLICE("p\u00e4ss"), &hash, &err), 0);
	assert_int_equal(
		directory_hasher_verify(h, buf_slice(&hash), SLICE("pa\u0308ss"), &err), 0);
	directory_hasher_free(h);
}

static void a_damaged_hash_is_temporary_and_not_wrong(void **state)
{
	struct directory_hasher *h = directory_hasher_new(8, 1);
	struct err err;
	assert_true(directory_hasher_verify(h, SLICE("$argon2id$v=19$m"), SLICE("x"), &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	directory_hasher_free(h);
}

struct checker {
	struct directory_hasher *hasher;
	struct slice hash;
	unsigned failed;
};

static void *check_often(void *context)
{
	struct checker *c = context;
	struct err err;
	for (int i = 0; i < 20; i++) {
		c->failed +=
			directory_hasher_verify(c->hasher, c->hash, SLICE("secret"), &err) != 0;
		c->failed += directory_hasher_verify(c->hasher, c->hash, SLICE("x"), &err) !=
			     DIRECTORY_WRONG;
	}
	return NULL;
}

static void many_threads_take_turns(void **state)
{
	enum { THREADS = 16 };
	pthread_t threads[THREADS];
	struct checker checkers[THREADS];
	AUTO(buf_free) struct buf hash = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct directory_hasher *h = directory_hasher_new(64, 1);
	cpu_set_t set;
	assert_int_equal(directory_hasher_make(h, SLICE("secret"), &hash, NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		checkers[i] = (struct checker){.hasher = h, .hash = buf_slice(&hash)};
		assert_int_equal(pthread_create(&threads[i], NULL, check_often, &checkers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(checkers[i].failed, 0);
	}
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_true(directory_hasher_most_at_once(h) <= (unsigned)CPU_COUNT(&set));
	directory_hasher_free(h);
}

static void who_waits_too_long_gets_a_temporary_failure(void **state)
{
	struct directory_hasher *h = directory_hasher_new(8, 1);
	AUTO(buf_free) struct buf hash = BUF(DIRECTORY_HASH_TEXT_MAX);
	struct err err;
	directory_hasher_limit(h, 0, 30);
	int64_t before = clock_mono_ms();
	assert_true(directory_hasher_verify(h, SLICE_NONE, SLICE("secret"), &err) < 0);
	assert_true(clock_mono_ms() - before >= 29);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_true(directory_hasher_make(h, SLICE("secret"), &hash, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_int_equal(directory_hasher_count(h), 0);
	directory_hasher_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_same_account_change_and_password_are_remembered),
		cmocka_unit_test(two_processes_remember_under_different_keys),
		cmocka_unit_test(a_full_table_keeps_the_newest_and_does_not_grow),
		cmocka_unit_test(an_entry_added_again_lives_longer),
		cmocka_unit_test(a_hash_is_right_for_its_password_only),
		cmocka_unit_test(a_password_typed_in_another_normal_form_is_the_same),
		cmocka_unit_test(a_damaged_hash_is_temporary_and_not_wrong),
		cmocka_unit_test(many_threads_take_turns),
		cmocka_unit_test(who_waits_too_long_gets_a_temporary_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
