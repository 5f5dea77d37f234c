/* Who has to come again, on a clock of the test's own and a store in memory. */
#include "roles/mx/greylist.h"

#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
static const int64_t START = 1700000000000, DAY = 24 * (int64_t)HOUR;
static const struct conf_greylist CONF = {.on = true,
	.delay_ms = MINUTE,
	.retry_ms = 24 * (uint64_t)HOUR,
	.remember_ms = 30 * 24 * (uint64_t)HOUR};

struct fixture {
	struct mx_greylist greylist;
	struct err err;
	int64_t wait_ms;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct store_options store = {.driver = &store_driver_memory};
	f = (struct fixture){.greylist.conf = &CONF};
	done(store_open(&store, &f.greylist.store, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	store_close(((struct fixture *)*state)->greylist.store);
	return 0;
}

static int ask(
	struct fixture *f, const char *client, const char *sender, const char *to, int64_t after)
{
	struct net_address address;
	done(net_address_parse(slice_str(client), &address, &f->err));
	return mx_greylist_ask(&f->greylist, &address, slice_str(sender), slice_str(to),
		START + after, &f->wait_ms, &f->err);
}

static bool count_one(void *context, const struct store_object *object)
{
	++*(unsigned *)context;
	return true;
}

static bool count_account(void *context, const struct store_account *account)
{
	struct fixture *f = ((void **)context)[0];
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *list;
	size_t count;
	done(store_list_collections(
		f->greylist.store, account->id, STORE_GREYLIST, &arena, &list, &count, &f->err));
	for (size_t i = 0; i < count; i++)
		done(store_scan_objects(f->greylist.store, account->id, list[i].id, 1, UINT32_MAX,
			count_one, ((void **)context)[1], &f->err));
	return true;
}

static unsigned rows(struct fixture *f)
{
	unsigned count = 0;
	void *context[] = {f, &count};
	done(store_list_accounts(f->greylist.store, count_account, context, &f->err));
	return count;
}

static void who_is_new_has_to_come_again(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", 0), MX_GREYLIST_WAIT);
	assert_int_equal(f->wait_ms, MINUTE);
	assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", 1000), MX_GREYLIST_WAIT);
	assert_int_equal(f->wait_ms, MINUTE - 1000);
	done(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", MINUTE));
	assert_int_equal(rows(f), 1); /* the client's */
}

static void the_same_network_and_addresses_in_other_case_count(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", 0), MX_GREYLIST_WAIT);
	assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", "c@y.test", MINUTE), MX_GREYLIST_WAIT);
	assert_int_equal(ask(f, "192.0.2.1:25", "z@x.test", "b@y.test", MINUTE), MX_GREYLIST_WAIT);
	assert_int_equal(ask(f, "192.0.3.1:25", "a@x.test", "b@y.test", MINUTE), MX_GREYLIST_WAIT);
	done(ask(f, "192.0.2.200:25", "A@X.test", "B@y.test", MINUTE));
	assert_int_equal(ask(f, "[2001:db8::1]:25", "a@x.test", "b@y.test", 0), MX_GREYLIST_WAIT);
	assert_int_equal(
		ask(f, "[2001:db8:0:1::1]:25", "a@x.test", "b@y.test", MINUTE), MX_GREYLIST_WAIT);
	done(ask(f, "[2001:db8::ffff]:25", "a@x.test", "b@y.test", MINUTE));
}

static void who_came_again_is_known_for_30_days(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "192.0.2.1:25", "", "b@y.test", 0), MX_GREYLIST_WAIT);
	done(ask(f, "192.0.2.1:25", "", "b@y.test", MINUTE));
	done(ask(f, "192.0.2.1:25", "else@x.test", "c@y.test", 29 * DAY));
	done(ask(f, "192.0.2.1:25", "else@x.test", "d@y.test", 58 * DAY));
	assert_int_equal(
		ask(f, "192.0.2.1:25", "else@x.test", "d@y.test", 88 * DAY), MX_GREYLIST_WAIT);
}

static void who_comes_too_late_is_new(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", 0), MX_GREYLIST_WAIT);
	assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", DAY), MX_GREYLIST_WAIT);
	assert_int_equal(f->wait_ms, MINUTE);
	done(ask(f, "192.0.2.1:25", "a@x.test", "b@y.test", DAY + MINUTE));
}

static void old_rows_go(void **state)
{
	struct fixture *f = *state;
	char to[32];
	for (int i = 0; i < 600; i++) { /* more than go in one write */
		(void)snprintf(to, sizeof(to), "%d@y.test", i);
		assert_int_equal(ask(f, "192.0.2.1:25", "a@x.test", to, 0), MX_GREYLIST_WAIT);
	}
	assert_int_equal(ask(f, "192.0.3.1:25", "a@x.test", "b@y.test", DAY), MX_GREYLIST_WAIT);
	done(ask(f, "192.0.3.1:25", "a@x.test", "b@y.test", DAY + MINUTE));
	assert_int_equal(ask(f, "192.0.4.1:25", "a@x.test", "b@y.test", DAY), MX_GREYLIST_WAIT);
	assert_int_equal(rows(f), 602);
	done(mx_greylist_clean(&f->greylist, START + DAY - 1, &f->err));
	assert_int_equal(rows(f), 602);
	done(mx_greylist_clean(&f->greylist, START + DAY, &f->err));
	assert_int_equal(rows(f), 2);
	done(mx_greylist_clean(&f->greylist, START + 30 * DAY, &f->err));
	assert_int_equal(rows(f), 1);
	done(mx_greylist_clean(&f->greylist, START + 32 * DAY, &f->err));
	assert_int_equal(rows(f), 0);
}

#define GREYLIST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GREYLIST_TEST(who_is_new_has_to_come_again),
		GREYLIST_TEST(the_same_network_and_addresses_in_other_case_count),
		GREYLIST_TEST(who_came_again_is_known_for_30_days),
		GREYLIST_TEST(who_comes_too_late_is_new),
		GREYLIST_TEST(old_rows_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
