/* Buffers, numbers, ids and dates. */
#include "base/base64.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/test.h"

static void a_buf_refuses_to_grow_past_its_maximum_and_keeps_what_it_had(void **state)
{
	AUTO(buf_free) struct buf b = BUF(4);
	buf_add_str(&b, "abc");
	buf_add_str(&b, "de");
	assert_true(b.failed);
	buf_add_byte(&b, 'x');
	assert_slice(buf_slice(&b), "abc");
	assert_string_equal(buf_cstr(&b), "abc");
}

static void printf_fills_a_buf_to_its_very_maximum(void **state)
{
	AUTO(buf_free) struct buf b = BUF(5);
	buf_printf(&b, "%d-%s", 12, "ab");
	assert_false(b.failed);
	assert_slice(buf_slice(&b), "12-ab");
}

static void varints_come_back_and_cut_ones_are_refused(void **state)
{
	const uint64_t values[] = {0, 127, 128, 300, UINT32_MAX, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		AUTO(buf_free) struct buf b = BUF(16);
		uint64_t got;
		bytes_add_varint(&b, values[i]);
		struct slice rest = buf_slice(&b);
		assert_true(bytes_cut_varint(&rest, &got));
		assert_int_equal(got, values[i]);
		assert_int_equal(rest.len, 0);
		rest = slice(b.data, b.len - 1);
		assert_false(bytes_cut_varint(&rest, &got));
	}
}

static void crc32c_matches_the_published_check_value(void **state)
{
	assert_int_equal(bytes_crc32c(0, SLICE("123456789")), 0xe3069283);
	assert_int_equal(bytes_crc32c(bytes_crc32c(0, SLICE("1234")), SLICE("56789")), 0xe3069283);
}

static void ids_come_back_from_text(void **state)
{
	char text[ID_TEXT_SIZE + 1];
	struct id id = id_new(), back;
	id_to_text(id, text);
	assert_true(id_from_text(slice_str(text), &back));
	assert_true(id_eq(id, back));
	assert_false(id_eq(id, id_new()));
	text[3] = '!';
	assert_false(id_from_text(slice_str(text), &back));
}

static void dates_come_back_for_leap_years_and_before_1970(void **state)
{
	const int64_t times[] = {0, 951782400, 4107542399, -1, -86400 * 365, 1709164800};
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct clock_date d = clock_to_date(times[i]);
		assert_int_equal(clock_from_date(&d), times[i]);
	}
	struct clock_date leap = clock_to_date(951782400);
	assert_int_equal(leap.month, 2);
	assert_int_equal(leap.day, 29);
	assert_int_equal(leap.weekday, 2);
}

static void base64_is_strict_for_sasl_and_tolerant_for_mail(void **state)
{
	AUTO(buf_free) struct buf text = BUF(64), bytes = BUF(64);
	base64_encode(&text, SLICE("any carnal pleas"));
	assert_slice(buf_slice(&text), "YW55IGNhcm5hbCBwbGVhcw==");
	assert_true(base64_decode(&bytes, buf_slice(&text)));
	assert_slice(buf_slice(&bytes), "any carnal pleas");
	assert_false(base64_decode(&bytes, SLICE("YW5\n")));
	buf_clear(&bytes);
	base64_decode_mail(&bytes, SLICE("YW55\r\nIGNh\r\ncm5h bA"));
	assert_slice(buf_slice(&bytes), "any carnal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buf_refuses_to_grow_past_its_maximum_and_keeps_what_it_had),
		cmocka_unit_test(printf_fills_a_buf_to_its_very_maximum),
		cmocka_unit_test(varints_come_back_and_cut_ones_are_refused),
		cmocka_unit_test(crc32c_matches_the_published_check_value),
		cmocka_unit_test(ids_come_back_from_text),
		cmocka_unit_test(dates_come_back_for_leap_years_and_before_1970),
		cmocka_unit_test(base64_is_strict_for_sasl_and_tolerant_for_mail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
