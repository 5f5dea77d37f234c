/* Log lines, as they come out of the descriptor. */
#include "base/log.h"

#include "base/clock.h"
#include "base/test.h"

#include <unistd.h>

static const int64_t WHEN_MS = 1700000000042; /* 2023-11-14 22:13:20.042 UTC */

/* Writes one event and returns its line. */
static const char *line_of(enum log_format format, struct log_field field)
{
	static char line[12000];
	int ends[2];
	struct log_scope scope = {.fields = {F_STR("session", "abc")}};
	assert_int_equal(pipe(ends), 0);
	clock_fake(1, WHEN_MS);
	log_setup(LOG_INFO, format, ends[1]);
	log_write(&scope, LOG_WARN, "disk full", &field, 1);
	log_setup(LOG_INFO, LOG_LOGFMT, 2);
	clock_fake(-1, -1);
	ssize_t got = read(ends[0], line, sizeof(line) - 1);
	assert_true(got > 0);
	line[got] = '\0';
	(void)close(ends[0]);
	(void)close(ends[1]);
	return line;
}

static void a_line_is_logfmt_or_json(void **state)
{
	assert_string_equal(line_of(LOG_LOGFMT, F_STR("user", "ann@example.org")),
		"time=2023-11-14T22:13:20.042Z level=warn event=\"disk full\" session=abc "
		"user=ann@example.org\n");
	assert_string_equal(line_of(LOG_JSON, F_STR("user", "ann@example.org")),
		"{\"time\":\"2023-11-14T22:13:20.042Z\",\"level\":\"warn\",\"event\":\"disk full\","
		"\"session\":\"abc\",\"user\":\"ann@example.org\"}\n");
}

static void whatever_a_client_sends_stays_on_one_line(void **state)
{
	assert_non_null(strstr(line_of(LOG_LOGFMT, F_STR("x", "a\nlevel=info \"b\"\\ \xff.")),
		" x=\"a\\u000alevel=info \\\"b\\\"\\\\ \\u00ff.\"\n"));
	assert_non_null(strstr(line_of(LOG_LOGFMT, F_STR("x", "")), " x=\"\"\n"));
}

static void numbers_are_written_whole(void **state)
{
	assert_non_null(strstr(line_of(LOG_LOGFMT, F_INT("n", -42)), " n=-42\n"));
	assert_non_null(
		strstr(line_of(LOG_JSON, F_INT("n", INT64_MIN)), ",\"n\":-9223372036854775808}\n"));
	assert_non_null(
		strstr(line_of(LOG_LOGFMT, F_UINT("n", UINT64_MAX)), " n=18446744073709551615\n"));
}

static void long_values_are_cut_and_the_line_ends(void **state)
{
	char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	const char *line = line_of(LOG_JSON, F_STR("long", text));
	assert_true(strlen(line) > 1024 && strlen(line) < 1300);
	assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_logfmt_or_json),
		cmocka_unit_test(whatever_a_client_sends_stays_on_one_line),
		cmocka_unit_test(numbers_are_written_whole),
		cmocka_unit_test(long_values_are_cut_and_the_line_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
