/* Header fields: walking, unfolding, encoded words, chosen fields, message ids. */
#include "base/test.h"
#include "message/fields.h"
#include "message/header.h"
#include "message/ids.h"

static void fields_are_cut_with_folds_and_garbage(void **state)
{
	struct slice header = SLICE("From joe Mon Jan\r\n"
				    "Subject: a\r\n b\r\n\tc\r\n"
				    "X-Spaced \t: v\r\n"
				    "no field, for it has spaces\r\n"
				    "Empty:\n"
				    "Colon:a:b\n"
				    "\r\n"
				    "body: x\r\n");
	static const struct {
		const char *name, *value;
	} EXPECTED[] = {
		{"", "From joe Mon Jan"},
		{"Subject", " a\r\n b\r\n\tc"},
		{"X-Spaced", " v\r\nno field, for it has spaces"},
		{"Empty", ""},
		{"Colon", "a:b"},
	};
	struct message_field field;
	for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++) {
		assert_true(message_next_field(&header, &field));
		assert_slice(field.name, EXPECTED[i].name);
		assert_slice(field.value, EXPECTED[i].value);
	}
	assert_false(message_next_field(&header, &field));
	assert_slice(header, "body: x\r\n");
}

static void the_header_ends_at_the_first_empty_line_or_the_end(void **state)
{
	assert_int_equal(message_header_len(SLICE("a: b\r\n\r\nx")), 8);
	assert_int_equal(message_header_len(SLICE("a: b\n\nx")), 6);
	assert_int_equal(message_header_len(SLICE("\nx")), 1);
	assert_int_equal(message_header_len(SLICE("a: b\r\n \r\n")), 9);
	assert_int_equal(message_header_len(SLICE("a: b")), 4);
	assert_int_equal(message_header_len(SLICE("")), 0);
}

static void the_first_value_of_a_name_comes_unfolded_and_trimmed(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice header = SLICE("A: 1\r\nb:  x\r\n  y \r\nB: z\r\nC:\r\n\r\n");
	assert_slice(message_header_value(header, "B", &arena), "x  y");
	assert_non_null(message_header_value(header, "c", &arena).ptr);
	assert_null(message_header_value(header, "d", &arena).ptr);
}

static const struct {
	const char *raw, *decoded;
} WORDS[] = {
	{"", ""},
	{" plain text ", "plain text"},
	{"folded\r\n text", "folded text"},
	{"no fold\r\nbut a line", "no fold but a line"},
	/* RFC 2047 section 8 */
	{"(=?ISO-8859-1?Q?a?=)", "(a)"},
	{"(=?ISO-8859-1?Q?a?= b)", "(a b)"},
	{"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"},
	{"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"},
	{"(=?ISO-8859-1?Q?a_b?=)", "(a b)"},
	{"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"},
	/* a character cut in two, in one encoding and across both */
	{"=?utf-8?q?=E2=82?= =?UTF-8?q?=AC?=", "\xe2\x82\xac"},
	{"=?utf-8?b?4oI=?= =?utf-8?q?=AC?=", "\xe2\x82\xac"},
	/* the shift state of one word does not end another's */
	{"=?iso-2022-jp?b?GyRCJDMbKEI=?= x", "\xe3\x81\x93 x"},
	{"=?utf-8*en?q?x?=", "x"},
	{"=?utf-8?q?a b?=", "a b"}, /* a space, as many mailers write */
	{"=?utf-8?q?\?=", ""},
	{"=?utf-8?q?=0D=0A=00x?=", "   x"},
	{"=?utf-8?q?=41=4?=", "A=4"},
	{"x=?utf-8?q?y?=z", "xyz"},
	/* what is none stays */
	{"=?utf-8?x?y?=", "=?utf-8?x?y?="},
	{"=?utf-8?q?open", "=?utf-8?q?open"},
	{"=?nobody-knows?q?a=41?= b", "=?nobody-knows?q?a=41?= b"},
	{"a =?= b", "a =?= b"},
	/* 8-bit text: UTF-8 (RFC 6532), else windows-1252 */
	{"caf\xc3\xa9", "caf\xc3\xa9"},
	{"caf\xe9 \x80", "caf\xc3\xa9 \xe2\x82\xac"},
	{"=?gb2312?b?xOO6ww==?=", "\xe4\xbd\xa0\xe5\xa5\xbd"},
	{"=?ks_c_5601-1987?b?sKE=?=", "\xea\xb0\x80"},
	{"=?iso-8859-1?q?=80?=", "\xe2\x82\xac"},
};

static void encoded_words_are_decoded_and_all_else_stays(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		message_decode_value(slice_str(WORDS[i].raw), &got);
		assert_slice(buf_slice(&got), WORDS[i].decoded);
	}
}

static void chosen_fields_come_in_original_bytes_with_an_empty_line(void **state)
{
	static const char HEADER[] = "From x\r\nFROM : a\r\nTo: b\r\n c\r\nX: 1\r\nto: d\r\n\r\n";
	static const struct {
		const char *names[3];
		bool others;
		const char *expected;
	} CASES[] = {
		{{"from"}, false, "FROM : a\r\n\r\n"},
		{{"to", "From", "absent"}, false, "FROM : a\r\nTo: b\r\n c\r\nto: d\r\n\r\n"},
		{{"to"}, true, "From x\r\nFROM : a\r\nX: 1\r\n\r\n"},
		{{"none"}, false, "\r\n"},
		{{"none"}, true, "From x\r\nFROM : a\r\nTo: b\r\n c\r\nX: 1\r\nto: d\r\n\r\n"},
		{{""}, false, "\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf got = BUF(1000);
		struct slice names[3];
		size_t count = 0;
		while (count < 3 && CASES[i].names[count]) {
			names[count] = slice_str(CASES[i].names[count]);
			count++;
		}
		struct message_field_names *set = message_field_names_new(names, count, &arena);
		message_write_fields(set, SLICE(HEADER), CASES[i].others, &got);
		assert_slice(buf_slice(&got), CASES[i].expected);
	}
}

static void a_last_field_without_line_end_gets_one(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf got = BUF(1000);
	struct message_field_names *set =
		message_field_names_new((struct slice[]){SLICE("a")}, 1, &arena);
	message_write_fields(set, SLICE("a: b"), false, &got);
	assert_slice(buf_slice(&got), "a: b\r\n\r\n");
}

static void a_long_list_of_names_is_found_whole(void **state)
{
	enum { MANY = 3000 };
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice *names = ARENA_ARRAY(&arena, struct slice, MANY);
	for (int i = 0; i < MANY; i++)
		names[i] = slice_str(arena_printf(&arena, "Name-%d", i));
	struct message_field_names *set = message_field_names_new(names, MANY, &arena);
	for (int i = 0; i < MANY; i++)
		assert_true(message_field_names_has(
			set, slice_str(arena_printf(&arena, "nAME-%d", i))));
	assert_false(message_field_names_has(set, SLICE("Name-3000")));
	assert_false(message_field_names_has(set, SLICE("")));
}

static const struct {
	const char *value;
	const char *ids[4];
} IDS[] = {
	{"", {NULL}},
	{"<a@b>", {"a@b"}},
	{" <a@b>\r\n\t<c@d> <e@f>", {"a@b", "c@d", "e@f"}},
	{"<a@b><c@d>", {"a@b", "c@d"}},
	{"Message from joe <a@b> of today", {"a@b"}},
	{"<no-at> <> <a@b", {NULL}},
	{"<lost <a@b>", {"a@b"}},
	{"<folded\r\n @ b>", {"folded@b"}},
	/* RFC 5256: needless quotes make no difference */
	{"<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", {"01KF8JCEOCBS0045PS@xxx.yyy.com"}},
	{"<\"a>b\"@c>", {"a>b@c"}},
	{"<\"a\\\"b\"@c>", {"a\"b@c"}},
};

static void message_ids_are_found_and_compare_as_they_should(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct slice value = slice_str(IDS[i].value), id;
		for (size_t k = 0; k < 4 && IDS[i].ids[k]; k++) {
			assert_true(message_next_id(&value, &arena, &id));
			assert_slice(id, IDS[i].ids[k]);
		}
		assert_false(message_next_id(&value, &arena, &id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_cut_with_folds_and_garbage),
		cmocka_unit_test(the_header_ends_at_the_first_empty_line_or_the_end),
		cmocka_unit_test(the_first_value_of_a_name_comes_unfolded_and_trimmed),
		cmocka_unit_test(encoded_words_are_decoded_and_all_else_stays),
		cmocka_unit_test(chosen_fields_come_in_original_bytes_with_an_empty_line),
		cmocka_unit_test(a_last_field_without_line_end_gets_one),
		cmocka_unit_test(a_long_list_of_names_is_found_whole),
		cmocka_unit_test(message_ids_are_found_and_compare_as_they_should),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
