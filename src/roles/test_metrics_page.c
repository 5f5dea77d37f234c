/* Putting the metrics page together. */
#include "roles/metrics_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_lines_of_one_metric_stand_together_below_one_head(void **state)
{
	const struct slice texts[] = {
		SLICE("rookery_connections{role=\"mx\"} 1\nrookery_logins_total{role=\"mx\"} 2\n"),
		SLICE("rookery_logins_total{role=\"store\"} 3\n"
		      "rookery_connections{role=\"store\"} 4\n"),
	};
	AUTO(buf_free) struct buf page = BUF(4096);
	metrics_page_write(texts, 2, &page);
	assert_string_equal(buf_cstr(&page),
		"# HELP rookery_connections Connections that are open.\n"
		"# TYPE rookery_connections gauge\n"
		"rookery_connections{role=\"mx\"} 1\nrookery_connections{role=\"store\"} 4\n"
		"# HELP rookery_logins_total Logins.\n# TYPE rookery_logins_total counter\n"
		"rookery_logins_total{role=\"mx\"} 2\nrookery_logins_total{role=\"store\"} 3\n");
}

static void test_unknown_names_are_left_out(void **state)
{
	const struct slice text =
		SLICE("rookery_surprise 1\nrookery_connections_x 2\nnonsense\n\nrookery_up 1");
	AUTO(buf_free) struct buf page = BUF(4096);
	metrics_page_write(&text, 1, &page);
	assert_string_equal(buf_cstr(&page),
		"# HELP rookery_up Whether the role serves.\n# TYPE rookery_up gauge\n"
		"rookery_up 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_one_metric_stand_together_below_one_head),
		cmocka_unit_test(test_unknown_names_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
