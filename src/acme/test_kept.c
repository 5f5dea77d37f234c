/* What is kept is found again, replaced, and gone. */
#include "acme/kept.h"

#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

static const char *const NAMES[] = {"one.test", "two.test"};

static int set_up(void **state)
{
	struct store_options options = {.driver = &store_driver_memory};
	struct store *store;
	struct err err;
	done(store_open(&options, &store, &err));
	*state = store;
	return 0;
}

static int tear_down(void **state)
{
	store_close(*state);
	return 0;
}

static void assert_kept(struct store *store, const char *prefix, const char *name, const char *data)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice found;
	struct err err;
	int r = acme_find(store, prefix, slice_str(name), &arena, &found, &err);
	assert_int_equal(r, data ? 0 : ACME_NONE);
	if (data)
		assert_slice(found, data);
}

static void what_is_kept_is_found(void **state)
{
	struct store *store = *state;
	struct err err;
	assert_kept(store, ACME_ACCOUNT, "https://ca.test/", NULL);
	done(acme_put(store, ACME_ACCOUNT, SLICE("https://ca.test/"), SLICE("key"), &err));
	assert_kept(store, ACME_ACCOUNT, "https://ca.test/", "key");
	assert_kept(store, ACME_ACCOUNT, "https://other.test/", NULL);
	assert_kept(store, ACME_CERTIFICATE, "https://ca.test/", NULL);
	done(acme_put(store, ACME_ACCOUNT, SLICE("https://ca.test/"), SLICE("another"), &err));
	assert_kept(store, ACME_ACCOUNT, "https://ca.test/", "another");
	done(acme_remove(store, ACME_ACCOUNT, SLICE("https://ca.test/"), &err));
	done(acme_remove(store, ACME_ACCOUNT, SLICE("https://ca.test/"), &err));
	assert_kept(store, ACME_ACCOUNT, "https://ca.test/", NULL);
}

static void put_answer(struct store *store, const char *prefix, const char *key, const char *name)
{
	AUTO(buf_free) struct buf data = BUF(256);
	struct err err;
	const struct acme_answer_row row = {
		.made_ms = 1, .name = slice_str(name), .key_authorization = SLICE("a.b")};
	acme_answer_row_write(&row, &data);
	done(acme_put(store, prefix, slice_str(key), buf_slice(&data), &err));
}

static void answers_go_with_their_names(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store *store = *state;
	struct slice found;
	struct err err;
	put_answer(store, ACME_HTTP, "token-1", "ONE.test");
	put_answer(store, ACME_ALPN, "two.test", "two.test");
	put_answer(store, ACME_HTTP, "token-3", "three.test");
	done(acme_put(store, ACME_RENEW, SLICE("one.test"), SLICE(""), &err));
	done(acme_remove_answers(store, NAMES, 2, &err));
	assert_kept(store, ACME_HTTP, "token-1", NULL);
	assert_kept(store, ACME_ALPN, "two.test", NULL);
	assert_kept(store, ACME_RENEW, "one.test", "");
	done(acme_find(store, ACME_HTTP, SLICE("token-3"), &arena, &found, &err));
	done(acme_remove_answers(store, NAMES, 2, &err));
}

static void rows_come_back_as_they_were(void **state)
{
	AUTO(buf_free) struct buf data = BUF(ACME_ROW_MAX);
	struct acme_row row = {.chain = SLICE("chain"),
				.key = SLICE("key"),
				.names = SLICE("one.test two.test"),
				.order_url = SLICE("https://ca.test/order"),
				.had_ms = 1,
				.tried_ms = INT64_MAX,
				.failures = 3,
				.next_ms = 4,
				.error = SLICE("why")},
			read;
	acme_row_write(&row, &data);
	assert_true(acme_row_read(buf_slice(&data), &read));
	assert_slice(read.chain, "chain");
	assert_slice(read.order_url, "https://ca.test/order");
	assert_slice(read.error, "why");
	assert_true(read.tried_ms == INT64_MAX && read.failures == 3);
	for (size_t len = 0; len < data.len; len++)
		assert_false(acme_row_read(slice(data.data, len), &read));
	data.data[0] = 9;
	assert_false(acme_row_read(buf_slice(&data), &read));
}

static struct slice row_data(int64_t had_ms, const char *error, struct buf *to)
{
	const struct acme_row row = {
		.chain = SLICE("chain"), .had_ms = had_ms, .error = slice_str(error)};
	acme_row_write(&row, to);
	return buf_slice(to);
}

static void of_two_nodes_rows_the_later_certificate_holds(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf a = BUF(1024), b = BUF(1024);
	const struct store_object had = {
		.name = SLICE("certificate one.test"), .data = row_data(9, "", &a)};
	const struct store_object failed = {
		.name = SLICE("certificate one.test"), .data = row_data(5, "away", &b)};
	struct store_object to = failed;
	acme_merge(NULL, &had, &failed, &arena, &to);
	assert_true(slice_eq(to.data, had.data));
	to = failed;
	acme_merge(NULL, &failed, &had, &arena, &to);
	assert_true(slice_eq(to.data, had.data));
	to = failed;
	acme_merge(NULL, &failed, &failed, &arena, &to);
	assert_true(slice_eq(to.data, failed.data));
	struct store_object other = {.name = SLICE("renew one.test"), .data = SLICE("x")};
	acme_merge(NULL, &had, &other, &arena, &other);
	assert_slice(other.data, "x");
}

static void a_plan_has_its_names_in_any_order(void **state)
{
	const struct acme_plan plan = {NAMES[0], NAMES, 2};
	assert_true(acme_plan_is(&plan, SLICE("one.test two.test")));
	assert_true(acme_plan_is(&plan, SLICE("two.test one.test")));
	assert_false(acme_plan_is(&plan, SLICE("one.test")));
	assert_false(acme_plan_is(&plan, SLICE("one.test three.test")));
	assert_false(acme_plan_is(&plan, SLICE("one.test two.test three.test")));
	assert_false(acme_plan_is(&plan, SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_kept_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_go_with_their_names, set_up, tear_down),
		cmocka_unit_test(rows_come_back_as_they_were),
		cmocka_unit_test(of_two_nodes_rows_the_later_certificate_holds),
		cmocka_unit_test(a_plan_has_its_names_in_any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
