/* Who a request says that it is from. */
#include "base/base64url.h"
#include "base/test.h"
#include "http/authorization.h"

static void basic_is_a_user_and_a_password(void **state)
{
	static const struct {
		const char *user, *password;
	} CASES[] = {{"ann@example.org", "secret"}, {"ann", ""}, {"ann", "a:b:c"},
		{"j\xc3\xbcrgen", "p\xc3\xa4ss"}};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(buf_free) struct buf value = BUF(1000);
		AUTO(http_credentials_free) struct http_credentials c;
		http_basic_add(&value, slice_str(CASES[i].user), slice_str(CASES[i].password));
		assert_true(http_credentials_read(buf_slice(&value), "", &c));
		assert_int_equal(c.scheme, HTTP_BASIC);
		assert_slice(c.user, CASES[i].user);
		assert_slice(c.password, CASES[i].password);
	}
	AUTO(http_credentials_free) struct http_credentials c;
	assert_true(http_credentials_read(SLICE("bAsIc  YTpi"), "", &c));
	assert_slice(c.user, "a");
}

static void malformed_ones_are_refused(void **state)
{
	/* Not base64; no colon; no user; a control character; nothing. */
	static const char *const BAD[] = {"Basic !",
		"Basic YQ==", "Basic OmI=", "Basic YTpiCg==", "Basic", "Basic ", "Basic YTpi YTpi",
		"Basic YTpi,", "Bearer", "Bearer a b", "Bearer a\"b", "(x) y"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		AUTO(http_credentials_free) struct http_credentials c;
		if (http_credentials_read(slice_str(BAD[i]), "sub", &c))
			fail_msg("taken: \"%s\"", BAD[i]);
	}
}

static void check_token(const char *payload, const char *claim, const char *user)
{
	AUTO(buf_free) struct buf value = BUF(10000);
	AUTO(http_credentials_free) struct http_credentials c;
	buf_add_str(&value, "Bearer eyJhbGciOiJSUzI1NiJ9.");
	base64url_encode(&value, slice_str(payload));
	buf_add_str(&value, ".c2ln");
	assert_true(http_credentials_read(buf_slice(&value), claim, &c));
	assert_int_equal(c.scheme, HTTP_BEARER);
	assert_slice(c.user, user);
}

static void a_token_names_its_user_where_it_is_one_that_does(void **state)
{
	check_token("{\"sub\":\"7\",\"email\":\"ann@example.org\"}", "email", "ann@example.org");
	check_token("{\"sub\":\"7\"}", "email", "");
	check_token("{\"email\":\"ann@example.org\"}", "", "");
	check_token("{\"email\":7}", "email", "");
	check_token("{\"email\":\"\"}", "email", "");
	check_token("{\"email\":\"a\\u0000b\"}", "email", "");
	check_token("{\"email\":\"a\\nb\"}", "email", "");
	check_token("{\"email\":\"a\",\"email\":\"b\"}", "email", "");
	check_token("[\"email\"]", "email", "");
	check_token("no json", "email", "");
	static const char *const OPAQUE[] = {
		"Bearer abc", "bearer a.b.c.d", "Bearer a.!.c", "Bearer 2YotnFZFEjr1zCsicMWpAA=="};
	for (size_t i = 0; i < ARRAY_LEN(OPAQUE); i++) {
		AUTO(http_credentials_free) struct http_credentials c;
		bool taken = http_credentials_read(slice_str(OPAQUE[i]), "email", &c);
		assert_int_equal(taken, i != 2);
		assert_int_equal(c.user.len, 0);
	}
}

static void none_and_others_are_told_apart(void **state)
{
	struct http_credentials c;
	assert_true(http_credentials_read(SLICE(""), "", &c));
	assert_int_equal(c.scheme, HTTP_NO_CREDENTIALS);
	assert_true(http_credentials_read(SLICE("Digest username=\"ann\""), "", &c));
	assert_int_equal(c.scheme, HTTP_OTHER_SCHEME);
	http_credentials_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(basic_is_a_user_and_a_password),
		cmocka_unit_test(malformed_ones_are_refused),
		cmocka_unit_test(a_token_names_its_user_where_it_is_one_that_does),
		cmocka_unit_test(none_and_others_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
