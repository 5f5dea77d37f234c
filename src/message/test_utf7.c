/* Mailbox names in modified UTF-7. */
#include "base/test.h"
#include "message/utf7.h"

static void names_go_both_ways(void **state)
{
	static const struct {
		const char *utf7, *utf8;
	} NAMES[] = {
		{"", ""},
		{"INBOX", "INBOX"},
		/* RFC 3501 section 5.1.3 */
		{"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
						    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
		{"a&-b", "a&b"},
		{"&-&-", "&&"},
		{"&AOk-&-", "\xc3\xa9&"},
		{"Entw&APw-rfe", "Entw\xc3\xbcrfe"},
		{"&2D3cqQ-", "\xf0\x9f\x92\xa9"},
		{"&AAoAfw-", "\n\x7f"},
	};
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		assert_true(utf7_to_utf8(slice_str(NAMES[i].utf7), &got));
		assert_slice(buf_slice(&got), NAMES[i].utf8);
		buf_clear(&got);
		assert_true(utf7_from_utf8(slice_str(NAMES[i].utf8), &got));
		assert_slice(buf_slice(&got), NAMES[i].utf7);
	}
}

static void what_is_no_modified_utf7_is_refused(void **state)
{
	static const char *const BAD[] = {
		"&",
		"&AOk",
		"a&b",
		"&Jjo!",
		"&U,BTFw-&ZeVnLIqe-", /* two shifts in a row: RFC 3501 names it as wrong */
		"&AGE-",              /* "a" in base64 */
		"&2D0-",              /* half a pair */
		"&3Kk-",
		"&2D0AYQ-", /* the wrong half; a pair of half and letter */
		"&AOn-",    /* bits left over that are not zero */
		"&AOkA-",   /* six bits too many */
		"&A-",
		"&AO/p-", /* too short; "/" is "," here */
		"\xc3\xa9",
		"a\nb",
		"\x7f",
	};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		assert_false(utf7_to_utf8(slice_str(BAD[i]), &got));
	}
	AUTO(buf_free) struct buf got = BUF(1000);
	assert_false(utf7_from_utf8(SLICE("a\xff"), &got));
	assert_false(utf7_from_utf8(SLICE("\xed\xa0\x80"), &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(what_is_no_modified_utf7_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
