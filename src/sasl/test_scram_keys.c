/* What is stored instead of a password, and the preparation of names and passwords before. */
#include "sasl/prepare.h"
#include "sasl/sasl.h"
#include "sasl/sasl_internal.h"

#include "base/test.h"

static const uint8_t vector_salt[16] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0,
	0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};

static void keys_come_back_from_text(void **state)
{
	struct sasl_scram_keys keys, back;
	AUTO(buf_free) struct buf text = BUF(256);
	sasl_scram_make_salted(SLICE("pencil"), 4096, vector_salt, &keys);
	sasl_scram_to_text(&keys, &text);
	assert_slice(buf_slice(&text), "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
				       "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
				       ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	assert_true(sasl_scram_from_text(buf_slice(&text), &back));
	assert_memory_equal(&keys, &back, sizeof(keys));
}

static void keys_cut_short_or_lengthened_are_refused(void **state)
{
	struct sasl_scram_keys keys;
	AUTO(buf_free) struct buf text = BUF(256);
	sasl_scram_make(SLICE("pencil"), 1, &keys);
	sasl_scram_to_text(&keys, &text);
	for (size_t len = 0; len < text.len; len++)
		assert_false(sasl_scram_from_text(slice(text.data, len), &keys));
	buf_add_byte(&text, '=');
	assert_false(sasl_scram_from_text(buf_slice(&text), &keys));
}

static void each_new_password_has_a_salt_of_its_own(void **state)
{
	struct sasl_scram_keys a, b;
	sasl_scram_make(SLICE("pencil"), 0, &a);
	sasl_scram_make(SLICE("pencil"), 0, &b);
	assert_int_equal(a.iterations, SASL_SCRAM_ITERATIONS);
	assert_memory_not_equal(a.salt, b.salt, sizeof(a.salt));
	assert_memory_not_equal(a.stored_key, b.stored_key, sizeof(a.stored_key));
}

static void saslprep_matches_the_examples_of_rfc_4013(void **state)
{
	const struct {
		struct slice text;
		const char *prepared; /* NULL: refused */
	} examples[] = {
		{SLICE("I\xc2\xadX"), "IX"},
		{SLICE("user"), "user"},
		{SLICE("USER"), "USER"},
		{SLICE("\xc2\xaa"), "a"},
		{SLICE("\xe2\x85\xa8"), "IX"},
		{SLICE("\x07"), NULL},
		{SLICE("\xd8\xa7\x31"), NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		AUTO(buf_free) struct buf to = BUF(64);
		assert_int_equal(sasl_prepare(examples[i].text, &to), examples[i].prepared != NULL);
		assert_slice(buf_slice(&to), examples[i].prepared ? examples[i].prepared : "");
	}
}

static void saslprep_bounds_what_it_takes(void **state)
{
	AUTO(buf_free) struct buf text = BUF(8192), to = BUF(8192);
	for (size_t i = 0; i < SASL_TEXT_MAX / 2; i++)
		buf_add_str(&text, "\xc3\xb6");
	assert_true(sasl_prepare(buf_slice(&text), &to));
	assert_int_equal(to.len, SASL_TEXT_MAX);
	buf_add_str(&text, "x");
	assert_false(sasl_prepare(buf_slice(&text), &to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_back_from_text),
		cmocka_unit_test(keys_cut_short_or_lengthened_are_refused),
		cmocka_unit_test(each_new_password_has_a_salt_of_its_own),
		cmocka_unit_test(saslprep_matches_the_examples_of_rfc_4013),
		cmocka_unit_test(saslprep_bounds_what_it_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
