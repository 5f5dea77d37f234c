/* Text as people see it: charsets, folding for search, HTML, previews, base subjects. */
#include "base/test.h"
#include "message/charset.h"
#include "message/html_internal.h"
#include "message/preview.h"
#include "message/text.h"

#include <pthread.h>

static const struct {
	const char *charset, *bytes, *utf8; /* NULL: unknown charset */
} CHARSETS[] = {
	{"utf-8", "caf\xc3\xa9", "caf\xc3\xa9"},
	{"UTF8",
		"a\xff"
		"b\xc3(",
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd("},
	{"utf-8", "\xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80 \xe2\x82",
		"\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd"},
	{"us-ascii", "caf\xe9", "caf\xc3\xa9"},
	{"us-ascii", "caf\xc3\xa9", "caf\xc3\xa9"},
	{"iso-8859-1", "\x80 \x93x\x94 \xe9", "\xe2\x82\xac \xe2\x80\x9cx\xe2\x80\x9d \xc3\xa9"},
	{"ISO-8859-15", "\xa4", "\xe2\x82\xac"},
	{"iso-8859-2", "\xb3", "\xc5\x82"},
	{"windows-1251", "\xcf\xf0", "\xd0\x9f\xd1\x80"},
	{"koi8-r", "\xf0", "\xd0\x9f"},
	{"gb2312", "\xc4\xe3\xba\xc3", "\xe4\xbd\xa0\xe5\xa5\xbd"},
	{"GBK", "\xc4\xe3", "\xe4\xbd\xa0"},
	{"big5", "\xa7\x41", "\xe4\xbd\xa0"},
	{"ks_c_5601-1987", "\xb0\xa1", "\xea\xb0\x80"},
	{"euc-kr", "\xb0\xa1", "\xea\xb0\x80"},
	{"shift_jis", "\x82\xa0", "\xe3\x81\x82"},
	{"euc-jp", "\xa4\xa2", "\xe3\x81\x82"},
	{"iso-2022-jp", "\x1b$B$\"\x1b(B", "\xe3\x81\x82"},
	{"utf-7", "+AOk-", "\xc3\xa9"},
	{"unicode-1-1-utf-7", "Hi +Jjo-!", "Hi \xe2\x98\xba!"},
	{"iso-8859-8-i", "\xe0", "\xd7\x90"},
	{"tis-620", "\xa1", "\xe0\xb8\x81"},
	{"no-such-charset", "x", NULL},
	{"", "x", NULL},
	{"utf-8,version=1", "x", NULL},
	{"../../etc/passwd", "x", NULL},
};

static void charsets_convert_under_the_names_that_mail_uses(void **state)
{
	/* Twice: the second time from kept converters. */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_LEN(CHARSETS); i++) {
			AUTO(buf_free) struct buf got = BUF(1000);
			struct slice charset = slice_str(CHARSETS[i].charset);
			bool known = charset_to_utf8(charset, slice_str(CHARSETS[i].bytes), &got);
			assert_int_equal(known, CHARSETS[i].utf8 != NULL);
			assert_int_equal(charset_is_known(charset), known);
			assert_slice(buf_slice(&got), CHARSETS[i].utf8 ? CHARSETS[i].utf8 : "");
		}
}

static void long_text_converts_across_chunks(void **state)
{
	/* A surrogate pair on each possible side of the converter's chunk. */
	for (size_t pad = 2040; pad < 2056; pad++) {
		AUTO(buf_free) struct buf bytes = BUF(100000), got = BUF(100000);
		for (size_t i = 0; i < pad; i++)
			buf_add_byte(&bytes, 'x');
		for (int i = 0; i < 3000; i++)
			buf_add_str(&bytes, "\x94\x39\xda\x33"); /* U+1F4A9 in GB 18030 */
		assert_true(charset_to_utf8(SLICE("gb18030"), buf_slice(&bytes), &got));
		assert_int_equal(got.len, pad + 4 * 3000);
		assert_true(utf8_is_valid(buf_slice(&got)));
		assert_true(slice_ends(buf_slice(&got), SLICE("\xf0\x9f\x92\xa9")));
		assert_true(slice_search(buf_slice(&got), SLICE("\xef\xbf\xbd")) < 0);
	}
}

static void *convert_in_thread(void *ret_ok)
{
	AUTO(buf_free) struct buf got = BUF(100);
	*(bool *)ret_ok = charset_to_utf8(SLICE("koi8-r"), SLICE("\xf0"), &got) &&
			  slice_eq(buf_slice(&got), SLICE("\xd0\x9f"));
	return NULL;
}

static void each_thread_has_converters_of_its_own(void **state)
{
	pthread_t threads[4];
	bool ok[4] = {false};
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, convert_in_thread, &ok[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(ok[i]);
	}
}

static const struct {
	const char *text, *folded;
} FOLDS[] = {
	{"", ""},
	{"Hello  World\r\n\tx", "hello world x"},
	{"\xc3\x89t\xc3\xa9", "e\xcc\x81te\xcc\x81"},
	{"e\xcc\x81", "e\xcc\x81"},
	{"Stra\xc3\x9f"
	 "e",
		"strasse"},
	{"\xef\xac\x81n", "fin"},
	{"\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83"},
	{"a\xc2\xa0\xe3\x80\x80 b", "a b"},
	{"so\xc2\xad"
	 "ft",
		"soft"}, /* soft hyphens are not there */
	{"\xef\xbc\xa1", "a"},
};

static void folded_text_is_equal_when_people_take_it_for_equal(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(FOLDS); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		charset_fold(slice_str(FOLDS[i].text), &got);
		assert_slice(buf_slice(&got), FOLDS[i].folded);
	}
}

/* The slow way, character by character. */
static void fold_ascii(struct slice text, struct buf *to)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool space = c == ' ' || (c >= '\t' && c <= '\r');
		if (space && to->len > 0 && to->data[to->len - 1] == ' ')
			continue;
		buf_add_byte(to, space ? ' ' : (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
	}
}

static void ascii_folds_the_same_at_every_distance_from_a_word(void **state)
{
	static const char *const TEXTS[] = {"A  b", "@[`{AZaz", " ", "  ", "\t \r\n x",
		"\x7f\x1f\x01!", "no spaces at all", "one two three  four"};
	for (size_t pad = 0; pad < 24; pad++)
		for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
			for (int spaces = 0; spaces < 2; spaces++) {
				AUTO(buf_free) struct buf text = BUF(1000), got = BUF(1000);
				AUTO(buf_free) struct buf expected = BUF(1000);
				for (size_t k = 0; k < pad; k++)
					buf_add_byte(&text, spaces ? ' ' : 'x');
				buf_add_str(&text, TEXTS[i]);
				buf_add_str(&text, "Tail of Text  with Spaces");
				charset_fold(buf_slice(&text), &got);
				fold_ascii(buf_slice(&text), &expected);
				assert_true(slice_eq(buf_slice(&got), buf_slice(&expected)));
			}
}

static void a_conversion_may_fill_a_buf_to_its_very_end(void **state)
{
	static const char *const NAMES[] = {"windows-1252", "iso-8859-2", "utf-8", "us-ascii"};
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		AUTO(buf_free) struct buf got = BUF(5);
		assert_true(charset_to_utf8(slice_str(NAMES[i]), SLICE("hello"), &got));
		assert_false(got.failed);
		assert_slice(buf_slice(&got), "hello");
	}
}

static void long_runs_of_marks_and_letters_fold_whole(void **state)
{
	AUTO(buf_free) struct buf text = BUF(1 << 20), got = BUF(1 << 20);
	for (int i = 0; i < 20000; i++)
		buf_add_str(&text, "\xe6\x97\xa5"); /* CJK: folds to itself */
	charset_fold(buf_slice(&text), &got);
	assert_true(slice_eq(buf_slice(&text), buf_slice(&got)));
	buf_clear(&text);
	buf_clear(&got);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&text, i % 2 ? "\xcc\x81" : "\xcc\xa7");
	charset_fold(buf_slice(&text), &got);
	assert_int_equal(got.len, text.len);
}

static const struct {
	const char *html, *text;
} PAGES[] = {
	{"", ""},
	{"plain  text", "plain text"},
	{"<p>one</p>\n<p>t<b>w</b>o</p>", "one\ntwo"},
	{"a<br>b<BR/>c<td>d", "a\nb\nc d"},
	{"<html><head><title>T</title><style>p {x}</style></head><body>x", "T\nx"},
	{"a<script>if (a</b) '<p>'</script >b", "ab"},
	{"a<style/>b", "ab"},
	{"a<scripty>b", "ab"},
	{"a<!-- <p> -- > -->b", "ab"},
	{"a<!DOCTYPE x>b<?xml?>c", "abc"},
	{"1 < 2 & 3 > 2 <3", "1 < 2 & 3 > 2 <3"},
	{"<a title=\"x>y\" href = '>'>z</a>", "z"},
	{"<a title=it's>z</a>", "z"},
	{"&lt;p&gt;&amp;&eacute;&euro;&#233;&#xE9;&nbsp;x",
		"<p>&\xc3\xa9\xe2\x82\xac\xc3\xa9\xc3\xa9 x"},
	{"&unknown; &thetasym; &amp x &#; &#xD800; &#1114112; &#0;x",
		"&unknown; \xcf\x91 & x &#; \xef\xbf\xbd \xef\xbf\xbd x"},
	{"x<script>never ends", "x"},
	{"x<!-- never ends", "x"},
	{"x<p never=ends", "x"},
	{"x<", "x<"},
	{"x&", "x&"},
};

static void html_becomes_the_text_that_a_person_sees(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(PAGES); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		html_to_text(slice_str(PAGES[i].html), &got);
		assert_slice(buf_slice(&got), PAGES[i].text);
	}
}

static void html_that_opens_without_end_is_read_in_linear_time(void **state)
{
	static const char *const UNITS[] = {
		"<", "<script", "<script>", "</", "<!--", "&#", "<a b=\"", "<style></sty", "&amp"};
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		AUTO(buf_free) struct buf html = BUF(8u << 20), got = BUF(8u << 20);
		while (html.len < 2 << 20)
			buf_add_str(&html, UNITS[i]);
		html_to_text(buf_slice(&html), &got);
		assert_false(got.failed);
	}
}

static const char ALTERNATIVE[] =
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6ne  Gr=\r\n=FC=DFe\r\nan dich\r\n"
	"--b\r\nContent-Type: image/png\r\n\r\nPNGDATA\r\n"
	"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	"PHA+aGkgJmFtcDsgYnllPC9wPg==\r\n"
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ndeep\r\n--b--\r\n";

static void the_text_of_all_text_parts_comes_decoded(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf got = BUF(10000);
	struct message_part *root = message_parse(SLICE(ALTERNATIVE), &arena);
	message_body_text(root, SLICE(ALTERNATIVE), &got);
	assert_slice(buf_slice(&got), "Sch\xc3\xb6ne  Gr\xc3\xbc\xc3\x9f"
				      "e\r\nan dich\n"
				      "hi & bye\ndeep");
	buf_clear(&got);
	message_whole_text(root, SLICE(ALTERNATIVE), &got);
	assert_true(slice_starts(buf_slice(&got), SLICE("Subject: Gr\xc3\xbc\xc3\x9f"
							"e\n")));
	assert_true(slice_search(buf_slice(&got), SLICE("Subject: inner\n")) > 0);
	assert_true(slice_search(buf_slice(&got), SLICE("PNGDATA")) < 0);
}

static void text_stops_silently_at_the_end_of_a_character(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct message_part *root = message_parse(SLICE(ALTERNATIVE), &arena);
	for (size_t max = 0; max < 60; max++) {
		AUTO(buf_free) struct buf got = BUF(max);
		message_body_text(root, SLICE(ALTERNATIVE), &got);
		assert_false(got.failed);
		assert_true(utf8_is_valid(buf_slice(&got)));
		assert_true(got.len + 1 >= MIN(max, 40u));
	}
}

static void a_preview_is_one_short_line_of_the_first_text(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf got = BUF(MESSAGE_PREVIEW_BYTES), long_text = BUF(10000);
	message_preview(message_parse(SLICE(ALTERNATIVE), &arena), SLICE(ALTERNATIVE), &got);
	assert_slice(buf_slice(&got), "Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
				      "e an dich");
	buf_clear(&got);
	buf_add_str(&long_text, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	for (int i = 0; i < 300; i++)
		buf_add_str(&long_text, "\xf0\x9f\x92\xa9");
	struct slice whole = buf_slice(&long_text);
	message_preview(message_parse(whole, &arena), whole, &got);
	assert_false(got.failed);
	assert_int_equal(got.len, MESSAGE_PREVIEW_BYTES);
	buf_clear(&got);
	whole = SLICE("Content-Type: image/png\r\n\r\nx");
	message_preview(message_parse(whole, &arena), whole, &got);
	assert_int_equal(got.len, 0);
}

static const struct {
	const char *subject, *base;
} SUBJECTS[] = {
	{"", ""},
	{"hello", "hello"},
	{"  hello \t world ", "hello world"},
	{"Re: hello", "hello"},
	{"RE: re: Fwd: FW: fw : hello", "hello"},
	{"re[2]: hello", "hello"},
	{"re [list] : hello", "hello"},
	{"[list] hello", "hello"},
	{"[list] Re: [other] hello", "hello"},
	{"hello (fwd)", "hello"},
	{"hello (fwd) (FWD)  ", "hello"},
	{"[fwd: hello]", "hello"},
	{"[Fwd: Re: hello (fwd)]", "hello"},
	{"[fwd: [fwd: hello]]", "hello"},
	{"[only]", "[only]"},
	{"[a][b]", "[b]"},
	{"re: [a]", "[a]"},
	{"Re:", ""},
	{"regarding: x", "regarding: x"},
	{"[open hello", "[open hello"},
	{"[a[b] hello", "[a[b] hello"},
	{"fwd", "fwd"},
};

static void base_subjects_are_those_of_rfc_5256(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(SUBJECTS); i++) {
		AUTO(buf_free) struct buf got = BUF(1000);
		message_base_subject(slice_str(SUBJECTS[i].subject), &got);
		assert_slice(buf_slice(&got), SUBJECTS[i].base);
	}
}

static void endless_subjects_are_read_in_linear_time(void **state)
{
	static const char *const UNITS[] = {"[a]", "[", "re: ", "re[", "[fwd:", "(fwd)", "[a]re: "};
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		AUTO(buf_free) struct buf subject = BUF(8u << 20), got = BUF(8u << 20);
		while (subject.len < 1 << 20)
			buf_add_str(&subject, UNITS[i]);
		for (size_t k = 0; k < 100000; k++)
			buf_add_byte(&subject, ']');
		message_base_subject(buf_slice(&subject), &got);
		assert_false(got.failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(charsets_convert_under_the_names_that_mail_uses),
		cmocka_unit_test(long_text_converts_across_chunks),
		cmocka_unit_test(each_thread_has_converters_of_its_own),
		cmocka_unit_test(folded_text_is_equal_when_people_take_it_for_equal),
		cmocka_unit_test(ascii_folds_the_same_at_every_distance_from_a_word),
		cmocka_unit_test(a_conversion_may_fill_a_buf_to_its_very_end),
		cmocka_unit_test(long_runs_of_marks_and_letters_fold_whole),
		cmocka_unit_test(html_becomes_the_text_that_a_person_sees),
		cmocka_unit_test(html_that_opens_without_end_is_read_in_linear_time),
		cmocka_unit_test(the_text_of_all_text_parts_comes_decoded),
		cmocka_unit_test(text_stops_silently_at_the_end_of_a_character),
		cmocka_unit_test(a_preview_is_one_short_line_of_the_first_text),
		cmocka_unit_test(base_subjects_are_those_of_rfc_5256),
		cmocka_unit_test(endless_subjects_are_read_in_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
