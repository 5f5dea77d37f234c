/* Counts in memory: what is alike is one row, and there is an end to them. */
#include "base/test.h"
#include "reports/table.h"

static const struct reports_name NAME = {
	.day = 1795737600, .kind = REPORTS_DMARC, .domain = SLICE("a.test")};

static bool add(struct reports_table *t, const struct reports_name *name, const char *about,
	struct slice key, uint64_t good, uint64_t bad)
{
	return reports_table_add(t, name, slice_str(about),
		&(struct reports_row){.good = good, .bad = bad, .key = key});
}

static void what_is_alike_is_one_row(void **state)
{
	struct reports_table *t = reports_table_new();
	assert_true(add(t, &NAME, "one", SLICE("x"), 1, 0));
	assert_true(add(t, &NAME, "", SLICE("x"), 0, 2));
	assert_true(add(t, &NAME, "two", SLICE("y"), 1, 0));
	assert_int_equal(reports_table_rows(t), 2);
	const struct reports_table_report *r = reports_table_reports(t);
	assert_string_equal(r->domain, "a.test");
	assert_string_equal(r->about, "two");
	assert_null(r->next);
	const struct reports_table_row *x = r->rows->next; /* the newest comes first */
	assert_int_equal(x->good, 1);
	assert_int_equal(x->bad, 2);
	assert_slice(slice(x->key, x->key_len), "x");
	reports_table_free(t);
}

static void day_kind_and_domain_keep_apart(void **state)
{
	struct reports_table *t = reports_table_new();
	struct reports_name other = NAME;
	assert_true(add(t, &NAME, "", SLICE("x"), 1, 0));
	other.day += DAY_SECONDS;
	assert_true(add(t, &other, "", SLICE("x"), 1, 0));
	other = NAME;
	other.kind = REPORTS_TLS;
	assert_true(add(t, &other, "", SLICE("x"), 1, 0));
	other = NAME;
	other.domain = SLICE("b.test");
	assert_true(add(t, &other, "", SLICE("x"), 1, 0));
	assert_int_equal(reports_table_rows(t), 4);
	reports_table_free(t);
}

static void there_is_an_end_to_rows(void **state)
{
	struct reports_table *t = reports_table_new();
	for (uint32_t i = 0; i < REPORTS_TABLE_ROWS; i++)
		assert_true(add(t, &NAME, "", slice(&i, sizeof(i)), 1, 0));
	assert_false(add(t, &NAME, "", SLICE("one more"), 1, 0));
	uint32_t known = 7;
	assert_true(add(t, &NAME, "", slice(&known, sizeof(known)), 1, 0));
	assert_int_equal(reports_table_rows(t), REPORTS_TABLE_ROWS);
	reports_table_free(t);
}

static void there_is_an_end_to_bytes(void **state)
{
	struct reports_table *t = reports_table_new();
	static char key[REPORTS_KEY_MAX + 1];
	size_t count = 0;
	assert_false(add(t, &NAME, "", slice(key, sizeof(key)), 1, 0));
	assert_false(add(t, &NAME, "", SLICE(""), 1, 0));
	for (;; count++) {
		memcpy(key, &count, sizeof(count));
		if (!add(t, &NAME, "", slice(key, REPORTS_KEY_MAX), 1, 0))
			break;
	}
	assert_in_range(count, REPORTS_TABLE_BYTES / REPORTS_KEY_MAX * 9 / 10,
		REPORTS_TABLE_BYTES / REPORTS_KEY_MAX);
	reports_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_alike_is_one_row),
		cmocka_unit_test(day_kind_and_domain_keep_apart),
		cmocka_unit_test(there_is_an_end_to_rows),
		cmocka_unit_test(there_is_an_end_to_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
