/* Lists of durations. */
#include "conf/test_support.h"

static void a_schedule_is_a_list_of_durations(void **state)
{
	AUTO(loaded_free) struct loaded none = load_good("mx { }\n");
	const struct conf_queue *q = &none.settings->mx.queue;
	assert_int_equal(q->retry.count, 6);
	assert_int_equal(q->retry.items[0], 5 * 60 * 1000);
	assert_int_equal(q->retry.items[5], 4 * 3600 * 1000);
	assert_int_equal(q->reach_first_ms, 60 * 1000);
	assert_int_equal(q->reach_max_ms, 3600 * 1000);
	AUTO(loaded_free)
	struct loaded own = load_good("mx { queue { retry 1s 90s; retry 1d; reach_max 2h; } }\n");
	q = &own.settings->mx.queue;
	assert_int_equal(q->retry.count, 3);
	assert_int_equal(q->retry.items[1], 90 * 1000);
	assert_int_equal(q->retry.items[2], 24 * 3600 * 1000);
	AUTO(buf_free) struct buf text = BUF(1 << 16);
	conf_settings_write(own.settings, &text);
	assert_non_null(strstr(buf_cstr(&text), "retry 1s 90s 1d;"));
	AUTO(buf_free) struct buf changes = BUF(1 << 10);
	assert_int_equal(conf_settings_diff(none.settings, own.settings, NULL, &changes), 2);
	assert_string_equal(buf_cstr(&changes), "mx.queue.retry, mx.queue.reach_max");
	assert_fault("mx { queue { retry 5m 0s; } }\n", "t:1:23: wrong value \"0s\" for \"retry\", "
							"expected durations from 1s to 5d, like 5m "
							"30m 1h, 16 at most");
	assert_fault("mx { queue { retry 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s; } }\n",
		"t:1:68: more than 16 values for \"retry\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schedule_is_a_list_of_durations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
