/* Rows as bytes. */
#include "base/bytes.h"
#include "base/test.h"
#include "directory/rows.h"

static void make_user(struct buf *to)
{
	struct directory_app_password_row app = {.name = SLICE("phone"), .services = 5};
	memset(app.salt, 0x11, sizeof(app.salt));
	memset(app.digest, 0x22, sizeof(app.digest));
	const struct directory_user_row row = {
		.created = 1700000000,
		.hash = SLICE("$argon2id$"),
		.scram = SLICE("SCRAM"),
		.full_name = SLICE("Ann"),
		.to_host = SLICE("back1"),
		.services = 3,
		.suspended = true,
		.quota_bytes = {.set = true, .value = 0},
		.quota_messages = {.set = true, .value = UINT64_C(1) << 40},
		.app_passwords = &app,
		.app_password_count = 1,
	};
	directory_user_row_encode(&row, SLICE_NONE, to);
}

static void every_field_of_a_user_comes_back(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(1000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user_row row;
	make_user(&bytes);
	assert_true(directory_user_row_decode(buf_slice(&bytes), &arena, &row));
	assert_int_equal(row.created, 1700000000);
	assert_slice(row.hash, "$argon2id$");
	assert_slice(row.scram, "SCRAM");
	assert_slice(row.full_name, "Ann");
	assert_slice(row.to_host, "back1");
	assert_int_equal(row.services, 3);
	assert_true(row.suspended);
	assert_true(row.quota_bytes.set);
	assert_int_equal(row.quota_bytes.value, 0);
	assert_true(row.quota_messages.value == UINT64_C(1) << 40);
	assert_int_equal(row.app_password_count, 1);
	assert_slice(row.app_passwords[0].name, "phone");
	assert_int_equal(row.app_passwords[0].services, 5);
	assert_int_equal(row.app_passwords[0].digest[31], 0x22);
}

static void a_row_cut_short_is_damaged_or_lacks_whole_fields(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(1000), again = BUF(1000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user_row row;
	size_t sound = 0;
	make_user(&bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		if (!directory_user_row_decode(slice(bytes.data, len), &arena, &row))
			continue;
		sound++;
		buf_clear(&again);
		directory_user_row_encode(&row, SLICE_NONE, &again);
		assert_true(again.len < bytes.len);
	}
	assert_int_equal(sound, 10); /* behind the version and behind each of ten fields but one */
	assert_false(directory_user_row_decode(SLICE(""), &arena, &row));
	assert_false(directory_user_row_decode(SLICE("\x02"), &arena, &row));
}

static void fields_of_a_later_version_stay_when_a_row_is_written_again(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(1000), again = BUF(1000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user_row row;
	make_user(&bytes);
	bytes_add_varint(&bytes, 99);
	bytes_add_counted(&bytes, SLICE("from the future"));
	assert_true(directory_user_row_decode(buf_slice(&bytes), &arena, &row));
	row.full_name = SLICE("Bob");
	directory_user_row_encode(&row, buf_slice(&bytes), &again);
	assert_true(slice_ends(buf_slice(&again), SLICE("from the future")));
	assert_int_equal(again.len, bytes.len);
	assert_true(directory_user_row_decode(buf_slice(&again), &arena, &row));
	assert_slice(row.full_name, "Bob");
}

static void where_a_user_forwards_to_comes_back(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(1000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice forwards[] = {SLICE("x@elsewhere.test"), SLICE("bob@example.org")};
	struct directory_user_row row = {.forwards = forwards, .forward_count = 2, .no_copy = true};
	directory_user_row_encode(&row, SLICE_NONE, &bytes);
	row = (struct directory_user_row){0};
	assert_true(directory_user_row_decode(buf_slice(&bytes), &arena, &row));
	assert_int_equal(row.forward_count, 2);
	assert_slice(row.forwards[0], "x@elsewhere.test");
	assert_slice(row.forwards[1], "bob@example.org");
	assert_true(row.no_copy);
}

static void domains_and_aliases_come_back(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(1000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_domain_row domain = {
		.created = 5,
		.quota_bytes = 1,
		.quota_messages = 2,
		.user_quota_messages = {.set = true, .value = 3},
		.catch_all = SLICE("a@b"),
	};
	struct slice targets[] = {SLICE("x@y"), SLICE("")};
	struct directory_alias_row alias = {.created = 6, .targets = targets, .target_count = 2};
	directory_domain_row_encode(&domain, SLICE_NONE, &bytes);
	domain = (struct directory_domain_row){0};
	assert_true(directory_domain_row_decode(buf_slice(&bytes), &domain));
	assert_int_equal(domain.created, 5);
	assert_int_equal(domain.quota_bytes, 1);
	assert_int_equal(domain.quota_messages, 2);
	assert_false(domain.user_quota_bytes.set);
	assert_int_equal(domain.user_quota_messages.value, 3);
	assert_slice(domain.catch_all, "a@b");
	buf_clear(&bytes);
	directory_alias_row_encode(&alias, SLICE_NONE, &bytes);
	alias = (struct directory_alias_row){0};
	assert_true(directory_alias_row_decode(buf_slice(&bytes), &arena, &alias));
	assert_int_equal(alias.target_count, 2);
	assert_slice(alias.targets[0], "x@y");
	assert_slice(alias.targets[1], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_user_comes_back),
		cmocka_unit_test(a_row_cut_short_is_damaged_or_lacks_whole_fields),
		cmocka_unit_test(fields_of_a_later_version_stay_when_a_row_is_written_again),
		cmocka_unit_test(where_a_user_forwards_to_comes_back),
		cmocka_unit_test(domains_and_aliases_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
