/* Servers as they are named. */
#include "net/remote.h"

#include "base/test.h"

static void names_of_servers(void **state)
{
	static const struct {
		const char *text, *port, *host, *number;
		bool tls;
	} GOOD[] = {
		{"store1.example.org:24", NULL, "store1.example.org", "24", false},
		{"tls:store1.example.org:24", NULL, "store1.example.org", "24", true},
		{"store1.example.org", "24", "store1.example.org", "24", false},
		{"tls:[2001:db8::1]:2525", "24", "2001:db8::1", "2525", true},
		{"[2001:db8::1]", "24", "2001:db8::1", "24", false},
		{"192.0.2.1:1", "24", "192.0.2.1", "1", false},
	};
	static const char *const BAD[] = {"", "a", "a:", ":1", "a:0", "a:65536", "a:x",
		"2001:db8::1:24", "a b:1", "*:1", "[::1", "tls:", "tls:unix:/x:1", "a/b:1",
		"\xc3\xa4:1"};
	struct net_remote r;
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		assert_int_equal(
			net_remote_parse(slice_str(GOOD[i].text), GOOD[i].port, &r, &err), 0);
		assert_string_equal(r.host, GOOD[i].host);
		assert_string_equal(r.port, GOOD[i].number);
		assert_int_equal(r.tls, GOOD[i].tls);
		assert_int_equal(r.address.len, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (net_remote_parse(slice_str(BAD[i]), NULL, &r, &err) == 0)
			fail_msg("%s is taken", BAD[i]);
	assert_int_equal(net_remote_parse(SLICE("unix:/run/lmtp"), NULL, &r, &err), 0);
	assert_true(net_address_is_unix(&r.address));
}

static void addresses_of_servers(void **state)
{
	struct net_address addresses[NET_REMOTE_ADDRESSES_MAX];
	struct net_remote r;
	size_t count;
	struct err err;
	char text[NET_ADDRESS_TEXT];
	assert_int_equal(net_remote_parse(SLICE("127.0.0.1"), "24", &r, &err), 0);
	assert_int_equal(net_remote_look_up(&r, addresses, &count, &err), 0);
	assert_int_equal(count, 1);
	net_address_text(&addresses[0], text);
	assert_string_equal(text, "127.0.0.1:24");
	assert_int_equal(net_remote_parse(SLICE("unix:/run/lmtp"), NULL, &r, &err), 0);
	assert_int_equal(net_remote_look_up(&r, addresses, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_true(net_address_is_unix(&addresses[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_servers),
		cmocka_unit_test(addresses_of_servers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
