/* Keys are made, kept, listed, and sign. */
#include "keys/keys.h"

#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

struct fixture {
	struct store *store;
	struct keys *keys;
	struct err err;
	size_t count, signing;
	char selector[128], record[2048];
};

static int set_up(void **state)
{
	static struct fixture f;
	struct store_options store = {.driver = &store_driver_memory};
	f = (struct fixture){0};
	done(store_open(&store, &f.store, &f.err));
	done(keys_open(f.store, &f.keys, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	keys_close(f->keys);
	store_close(f->store);
	return 0;
}

static void visit(void *context, const struct keys_info *info)
{
	struct fixture *f = context;
	f->count++;
	f->signing += info->signs;
	(void)snprintf(f->selector, sizeof(f->selector), "%.*s", SLICE_ARG(info->selector));
	(void)snprintf(f->record, sizeof(f->record), "%.*s", SLICE_ARG(info->record));
}

static void list(struct fixture *f, const char *domain)
{
	f->count = f->signing = 0;
	keys_list(f->keys, slice_str(domain), visit, f);
}

static void add(struct fixture *f, const char *domain, const char *selector)
{
	done(keys_add(f->keys, slice_str(domain), slice_str(selector), FILTER_DKIM_ED25519_SHA256,
		&f->err));
}

static size_t signatures(struct fixture *f, const char *domain)
{
	static const char FIELD[] = "DKIM-Signature:";
	struct buf to = BUF(8192);
	struct filter_message message =
		filter_message_of(SLICE("From: ann@example.org\r\nSubject: x\r\n\r\nHello\r\n"));
	size_t count = 0;
	done(keys_sign(f->keys, slice_str(domain), &message, &to, &f->err));
	for (size_t i = 0; i + sizeof(FIELD) - 1 <= to.len; i++)
		count += memcmp(to.data + i, FIELD, sizeof(FIELD) - 1) == 0;
	buf_free(&to);
	return count;
}

static void a_domain_signs_by_all_its_keys_that_do(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(signatures(f, "example.org"), 0);
	add(f, "Example.ORG", "s1");
	add(f, "example.org", "s2");
	add(f, "other.example", "s1");
	assert_int_equal(signatures(f, "example.org"), 2);
	assert_int_equal(signatures(f, "EXAMPLE.org"), 2);
	assert_int_equal(signatures(f, "sub.example.org"), 0);
	done(keys_set(f->keys, SLICE("example.org"), SLICE("s1"), false, &f->err));
	assert_int_equal(signatures(f, "example.org"), 1);
	list(f, "example.org");
	assert_true(f->count == 2 && f->signing == 1);
	done(keys_remove(f->keys, SLICE("example.org"), SLICE("s2"), &f->err));
	assert_int_equal(signatures(f, "example.org"), 0);
	list(f, "no domain");
	assert_int_equal(f->count, 0);
	list(f, "");
	assert_int_equal(f->count, 2);
}

static void they_are_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	char record[2048];
	add(f, "example.org", "s1");
	list(f, "");
	memcpy(record, f->record, sizeof(record));
	keys_close(f->keys);
	done(keys_open(f->store, &f->keys, &f->err));
	list(f, "");
	assert_string_equal(f->record, record);
	assert_int_equal(strncmp(record, "v=DKIM1;", 8), 0);
	assert_int_equal(signatures(f, "example.org"), 1);
}

static void a_selector_is_made_up_of_the_day(void **state)
{
	struct fixture *f = *state;
	add(f, "example.org", "");
	list(f, "");
	assert_int_equal(strlen(f->selector), 9);
	assert_int_equal(f->selector[0], 'e');
	assert_true(keys_add(f->keys, SLICE("example.org"), SLICE(""), FILTER_DKIM_ED25519_SHA256,
			    &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_EXISTS);
}

static void what_can_not_be_is_told(void **state)
{
	struct fixture *f = *state;
	assert_true(keys_add(f->keys, SLICE("a b"), SLICE("s"), FILTER_DKIM_ED25519_SHA256,
			    &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_BAD_INPUT);
	assert_true(keys_add(f->keys, SLICE("a.example"), SLICE("s s"), FILTER_DKIM_ED25519_SHA256,
			    &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_BAD_INPUT);
	assert_true(keys_remove(f->keys, SLICE("a.example"), SLICE("s"), &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_ABSENT);
	char selector[] = "s0";
	for (; selector[1] < '0' + KEYS_OF_DOMAIN_MAX; selector[1]++)
		add(f, "a.example", selector);
	assert_true(keys_add(f->keys, SLICE("a.example"), SLICE("t"), FILTER_DKIM_ED25519_SHA256,
			    &f->err) < 0);
	assert_int_equal(f->err.kind, ERR_LIMIT);
}

int main(void)
{
#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		KEYS_TEST(a_domain_signs_by_all_its_keys_that_do),
		KEYS_TEST(they_are_there_after_a_restart),
		KEYS_TEST(a_selector_is_made_up_of_the_day),
		KEYS_TEST(what_can_not_be_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
