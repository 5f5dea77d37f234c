/* Lists of hosts. */
#include "proxy/place.h"

#include "base/test.h"

static void assert_places(const char *text, size_t count, const char *host, uint16_t port)
{
	struct proxy_places places;
	assert_true(proxy_places_parse(slice_str(text), &places));
	assert_int_equal(places.count, count);
	assert_true(slice_eq(places.at[count - 1].host, slice_str(host)));
	assert_int_equal(places.at[count - 1].port, port);
}

static void hosts_are_read(void **state)
{
	assert_places("store1.example.org", 1, "store1.example.org", 0);
	assert_places("store1:1143", 1, "store1", 1143);
	assert_places("192.0.2.7", 1, "192.0.2.7", 0);
	assert_places("192.0.2.7:65535", 1, "192.0.2.7", 65535);
	assert_places("[2001:db8::7]", 1, "2001:db8::7", 0);
	assert_places("[2001:db8::7]:143", 1, "2001:db8::7", 143);
	assert_places("a.example,b.example:25", 2, "b.example", 25);
	assert_places("a,b,[::1]:1,192.0.2.1", 4, "192.0.2.1", 0);
}

static void all_else_is_refused(void **state)
{
	static const char *const wrong[] = {"", ",", "a,", ",a", "a,,b", "a, b", " a", "a ",
		"a:", "a:0", "a:65536", "a:1x", "a:-1", "a:+1", "a:000025", ":25", "2001:db8::7",
		"[a]", "[2001:db8::7", "[]", "[192.0.2.1]", "[::1]x", "[::1]:", "a.", "-a", "a..b",
		"a_b", "user@a", "a/b", "tls:a:25", "unix:/run/x", "a,b,c,d,e", "a\tb",
		"h\xc3\xb6st"};
	struct proxy_places places;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (proxy_places_parse(slice_str(wrong[i]), &places))
			fail_msg("\"%s\" was taken", wrong[i]);
	assert_false(proxy_places_parse(SLICE("a\0b"), &places));
	assert_false(proxy_places_parse(SLICE("[::1\0]"), &places));
}

static void a_name_may_be_as_long_as_the_dns_allows(void **state)
{
	char text[256];
	struct proxy_places places;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 50 == 49 ? '.' : 'a';
	assert_true(proxy_places_parse(slice(text, 253), &places));
	assert_false(proxy_places_parse(slice(text, 254), &places));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_read),
		cmocka_unit_test(all_else_is_refused),
		cmocka_unit_test(a_name_may_be_as_long_as_the_dns_allows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
