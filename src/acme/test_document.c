/* What an authority may answer, and what it may not. */
#include "acme/document.h"
#include "base/buf.h"
#include "base/test.h"

#define URL(path) "https://ca.test/" path

static void a_directory_needs_its_three_urls(void **state)
{
	static const char GOOD[] = "{\"newNonce\":\"" URL("n") "\",\"newAccount\":\"" URL(
		"a") "\","
		     "\"newOrder\":\"" URL("o") "\",\"meta\":{\"externalAccountRequired\":true}}";
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_directory d;
	struct err err;
	assert_int_equal(acme_directory_read(slice_str(GOOD), &arena, &d, &err), 0);
	assert_string_equal(d.new_order, URL("o"));
	assert_true(d.external_account_required);
	assert_int_equal(
		acme_directory_read(SLICE("{\"newNonce\":\"" URL("n") "\"}"), &arena, &d, &err),
		-1);
	assert_string_equal(
		err.text, "the authority's directory is none: \"newAccount\" is not right");
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_int_equal(acme_directory_read(SLICE("<html>"), &arena, &d, &err), -1);
	assert_int_equal(acme_directory_read(SLICE("[]"), &arena, &d, &err), -1);
}

static void urls_are_https_and_bounded(void **state)
{
	char longest[ACME_URL_MAX + 1];
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://", 8);
	assert_true(acme_is_url(SLICE("https://ca.test/x?y=z")));
	assert_true(acme_is_url(slice(longest, ACME_URL_MAX - 1)));
	assert_false(acme_is_url(slice(longest, ACME_URL_MAX)));
	assert_false(acme_is_url(SLICE("http://ca.test/")));
	assert_false(acme_is_url(SLICE("file:///etc/passwd")));
	assert_false(acme_is_url(SLICE("https://")));
	assert_false(acme_is_url(SLICE("https://ca.test/a b")));
	assert_false(acme_is_url(SLICE("https://ca.test/\r\nX: y")));
	assert_false(acme_is_url(SLICE("https://ca.test/\0")));
}

static int read_order(const char *status, const char *more, struct arena *arena,
	struct acme_order_document *order, struct err *err)
{
	const char *text = arena_printf(arena,
		"{\"status\":\"%s\",\"finalize\":\"" URL("f") "\",\"authorizations\":[\"" URL(
			"1") "\",\"" URL("2") "\"]%s}",
		status, more);
	return acme_order_read(slice_str(text), arena, order, err);
}

static void an_order_has_a_status_that_is_known(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_order_document o;
	struct err err;
	assert_int_equal(read_order("pending", "", &arena, &o, &err), 0);
	assert_int_equal(o.status, ACME_PENDING);
	assert_int_equal(o.count, 2);
	assert_string_equal(o.authorizations[1], URL("2"));
	assert_int_equal(read_order("whatever", "", &arena, &o, &err), -1);
	assert_int_equal(read_order("valid", "", &arena, &o, &err), -1);
	assert_string_equal(
		err.text, "the authority's order is none: \"certificate\" is not right");
	assert_int_equal(
		read_order("valid", ",\"certificate\":\"" URL("c") "\"", &arena, &o, &err), 0);
	assert_string_equal(o.certificate, URL("c"));
}

static void an_order_of_too_many_names_is_none(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(65536);
	struct acme_order_document o;
	struct err err;
	buf_add_str(&text,
		"{\"status\":\"pending\",\"finalize\":\"" URL("f") "\",\"authorizations\":[");
	for (unsigned i = 0; i <= ACME_NAMES_MAX; i++)
		buf_printf(&text, "%s\"" URL("%u") "\"", i ? "," : "", i);
	buf_add_str(&text, "]}");
	assert_int_equal(acme_order_read(buf_slice(&text), &arena, &o, &err), -1);
}

static int read_authorization(
	const char *challenge, struct acme_authorization *a, struct arena *arena, struct err *err)
{
	const char *text = arena_printf(arena,
		"{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"one.test\"},"
		"\"challenges\":[{\"type\":\"dns-01\",\"status\":\"pending\"},%s]}",
		challenge);
	return acme_authorization_read(slice_str(text), "http-01", arena, a, err);
}

static void only_the_challenge_that_is_asked_for_counts(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_authorization a;
	struct err err;
	assert_int_equal(read_authorization("{\"type\":\"http-01\",\"status\":\"pending\","
					    "\"url\":\"" URL("c") "\",\"token\":\"to-ken\"}",
				 &a, &arena, &err),
		0);
	assert_true(a.has_challenge);
	assert_string_equal(a.name, "one.test");
	assert_string_equal(a.challenge.token, "to-ken");
	assert_int_equal(read_authorization("{\"type\":\"x-01\"}", &a, &arena, &err), 0);
	assert_false(a.has_challenge);
}

static void a_token_is_nothing_but_base64url(void **state)
{
	static const char *const BAD[] = {"", "../../etc/passwd", "a b", "a\\u0000b", "a/b"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct acme_authorization a;
		struct err err;
		const char *text = arena_printf(&arena,
			"{\"type\":\"http-01\",\"status\":\"pending\",\"url\":\"" URL(
				"c") "\",\"token\":\"%s\"}",
			BAD[i]);
		assert_int_equal(read_authorization(text, &a, &arena, &err), -1);
	}
}

static void a_problem_is_one_line(void **state)
{
	static const char TEXT[] =
		"{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\","
		"\"detail\":\"two\\nlines\\u0007\",\"subproblems\":[{\"detail\":\"because\"}]}";
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct acme_problem p;
	assert_true(acme_problem_read(slice_str(TEXT), &arena, &p));
	assert_string_equal(p.type, "rejectedIdentifier");
	assert_string_equal(p.detail, "two lines : because");
	assert_true(acme_problem_read(SLICE("{\"type\":\"about:blank\"}"), &arena, &p));
	assert_string_equal(p.type, "about:blank");
	assert_false(acme_problem_read(SLICE("{}"), &arena, &p));
	assert_false(acme_problem_read(SLICE("Bad gateway"), &arena, &p));
	assert_string_equal(p.detail, "");
}

static void long_details_are_cut_between_characters(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(4096);
	struct acme_problem p;
	buf_add_str(&text, "{\"type\":\"x\",\"detail\":\"a");
	for (unsigned i = 0; i < ACME_DETAIL_MAX; i++)
		buf_add_str(&text, "\xc3\xbc");
	buf_add_str(&text, "\"}");
	assert_true(acme_problem_read(buf_slice(&text), &arena, &p));
	assert_int_equal(strlen(p.detail), ACME_DETAIL_MAX - 1);
}

static void documents_are_bounded(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(2 * ACME_DOCUMENT_MAX);
	struct acme_problem p;
	buf_add_str(&text, "{\"type\":\"x\",\"detail\":\"");
	while (text.len < ACME_DOCUMENT_MAX)
		buf_add_str(&text, "aaaaaaaaaaaaaaaa");
	buf_add_str(&text, "\"}");
	assert_false(acme_problem_read(buf_slice(&text), &arena, &p));
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	const int64_t now = 784111777 - 60; /* a minute before the date of RFC 9110 */
	assert_int_equal(acme_retry_after(SLICE("5"), now), 5000);
	assert_int_equal(acme_retry_after(SLICE(" 120 "), now), 120 * 1000);
	assert_int_equal(acme_retry_after(SLICE("99999999"), now), 24 * 3600 * 1000);
	assert_int_equal(acme_retry_after(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), now), 60 * 1000);
	assert_int_equal(acme_retry_after(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), now + 61), 0);
	assert_int_equal(
		acme_retry_after(SLICE("Mon, 06 Nov 2034 08:49:37 GMT"), now), 24 * 3600 * 1000);
	assert_int_equal(acme_retry_after(SLICE("Sun, 06 Nov 1994 08:49:37 CET"), now), 0);
	assert_int_equal(acme_retry_after(SLICE("Sun, 06 nov 1994 08:49:37 GMT"), now), 0);
	assert_int_equal(acme_retry_after(SLICE("-1"), now), 0);
	assert_int_equal(acme_retry_after(SLICE("5 minutes"), now), 0);
	assert_int_equal(acme_retry_after(SLICE(""), now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_needs_its_three_urls),
		cmocka_unit_test(urls_are_https_and_bounded),
		cmocka_unit_test(an_order_has_a_status_that_is_known),
		cmocka_unit_test(an_order_of_too_many_names_is_none),
		cmocka_unit_test(only_the_challenge_that_is_asked_for_counts),
		cmocka_unit_test(a_token_is_nothing_but_base64url),
		cmocka_unit_test(a_problem_is_one_line),
		cmocka_unit_test(long_details_are_cut_between_characters),
		cmocka_unit_test(documents_are_bounded),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
