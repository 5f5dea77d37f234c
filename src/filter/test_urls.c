/* Whom messages link to. */
#include "base/test.h"
#include "filter/urls.h"

#include "base/buf.h"

static struct filter_suffixes *suffixes;

static int load(void **state)
{
	suffixes = filter_suffixes_load();
	return 0;
}

static int unload(void **state)
{
	filter_suffixes_free(suffixes);
	return 0;
}

/* What is found, a space between. */
static void check(const char *text, bool html, const char *expected)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf found = BUF(1 << 16);
	struct filter_urls urls = {0};
	filter_urls_scan(slice_str(text), html, suffixes, &arena, &urls);
	for (size_t i = 0; i < urls.count; i++)
		buf_printf(&found, "%s%.*s", i ? " " : "", SLICE_ARG(urls.names[i]));
	if (strcmp(buf_cstr(&found), expected) != 0)
		fail_msg("\"%s\" has \"%s\", not \"%s\"", text, buf_cstr(&found), expected);
}

static void hosts_are_cut_to_what_was_registered(void **state)
{
	check("see http://www.a.example.co.uk/x?y and https://example.org.", false,
		"example.co.uk example.org");
	check("<ftp://x.test:8021/> www.two.test WWW.THREE.TEST", false,
		"x.test two.test three.test");
	check("http://co.uk http://localhost http://a.test http://b.A.test/", false, "a.test");
	check("http://ann.github.io", false, "ann.github.io");
}

static void what_is_no_url_is_none(void **state)
{
	check("mailto:a@b.test ann@www.c.test xhttp://d.test http:/e.test http:f.test://", false,
		"");
	check("javascript://g.test data:text/html,x http://", false, "");
	check("http:// http://. http://.. http://a..test http://-", false, "");
}

static void hosts_are_read_as_browsers_do(void **state)
{
	check("http://good.test@bad.test/ https://u:p@w.bad2.test:8080?", false,
		"bad.test bad2.test");
	check("http://ba%64%2etest/ HTTP:\\\\bad3.test\\x http:///bad4.test", false,
		"bad.test bad3.test bad4.test");
	check("http://good.test#@bad.test http://good2.test\\@bad.test", false,
		"good.test good2.test");
	check("http://b\u00fccher.test http://bad\u3002test", false, "xn--bcher-kva.test bad.test");
}

static void references_count_in_html_alone(void **state)
{
	check("<a href='http://b&#97;d&#x2E;test/'>", true, "bad.test");
	check("<a href=\"https://x.bad.test&amp;y\">", true, "bad.test");
	check("http://b&#97;d.test", false, "");
	check("<a href=//x>http://b&#xfc;cher.test</a>", true, "xn--bcher-kva.test");
}

static void addresses_are_asked_for_backwards(void **state)
{
	check("http://192.0.2.1/ http://3221225985/ http://0xc0.0.2.2:80", false,
		"1.2.0.192 2.2.0.192");
	check("http://[2001:db8::1]/ http://1.2.3.4.5/", false, "");
}

static void parts_are_decoded(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_urls urls;
	filter_urls_find(
		SLICE("Content-Type: multipart/alternative; boundary=b\r\n\r\nhttp://no.test\r\n"
		      "--b\r\nContent-Type: text/plain\r\n"
		      "Content-Transfer-Encoding: "
		      "quoted-printable\r\n\r\nhttp://qu=\r\noted.te=73t/\r\n"
		      "--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		      "PGEgaHJlZj0iaHR0cDovL2Jhc2U2NC50ZXN0LyI+\r\n"
		      "--b\r\nContent-Type: image/png\r\n\r\nhttp://image.test\r\n--b--\r\n"),
		suffixes, &arena, &urls);
	assert_int_equal(urls.count, 2);
	assert_slice(urls.names[0], "quoted.test");
	assert_slice(urls.names[1], "base64.test");
}

static void it_is_bounded(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(1 << 20);
	struct filter_urls urls = {0};
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "http://a%d.test\r\n", i);
	filter_urls_scan(buf_slice(&text), false, suffixes, &arena, &urls);
	assert_int_equal(urls.count, FILTER_URLS_MAX);
	buf_clear(&text);
	buf_add_str(&text, "Subject: long\r\n\r\nhttp://early.test\r\n");
	while (text.len < FILTER_URLS_BYTES)
		buf_add_str(&text, "many words and no link in any of them\r\n");
	buf_add_str(&text, "http://late.test\r\n");
	filter_urls_find(buf_slice(&text), suffixes, &arena, &urls);
	assert_int_equal(urls.count, 1);
	assert_slice(urls.names[0], "early.test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_cut_to_what_was_registered),
		cmocka_unit_test(what_is_no_url_is_none),
		cmocka_unit_test(hosts_are_read_as_browsers_do),
		cmocka_unit_test(references_count_in_html_alone),
		cmocka_unit_test(addresses_are_asked_for_backwards),
		cmocka_unit_test(parts_are_decoded),
		cmocka_unit_test(it_is_bounded),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
