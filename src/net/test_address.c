/* Addresses, networks, PROXY headers. */
#include "net/address.h"
#include "net/proxy_header.h"

#include "base/test.h"

#include <sys/stat.h>
#include <unistd.h>

static void assert_text(const char *text, const char *expected)
{
	struct net_address address;
	char got[NET_ADDRESS_TEXT];
	assert_int_equal(net_address_parse(slice_str(text), &address, NULL), 0);
	net_address_text(&address, got);
	assert_string_equal(got, expected);
}

static void addresses_are_read_and_written(void **state)
{
	assert_text("192.0.2.1:25", "192.0.2.1:25");
	assert_text("[2001:DB8:0::1]:143", "[2001:db8::1]:143");
	assert_text("*:993", "*:993");
	assert_text("unix:/run/x.sock", "unix:/run/x.sock");
}

static void malformed_addresses_are_refused(void **state)
{
	const char *bad[] = {"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3:1", "::1:25",
		"[::1]25", "[]:1", "host:25", "unix:"};
	struct net_address address;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(net_address_parse(slice_str(bad[i]), &address, NULL) < 0);
}

static void networks_hold_their_addresses(void **state)
{
	struct net_trusted set = {0};
	struct net_address address;
	assert_int_equal(net_trusted_add(&set, SLICE("10.1.0.0/15"), NULL), 0);
	assert_int_equal(net_trusted_add(&set, SLICE("2001:db8::/33"), NULL), 0);
	assert_true(net_trusted_add(&set, SLICE("10.0.0.0/33"), NULL) < 0);
	assert_true(net_trusted_add(&set, SLICE("10.0.0.0/"), NULL) < 0);
	const struct {
		const char *text;
		bool has;
	} cases[] = {{"10.0.255.1:1", true}, {"10.2.0.0:1", false}, {"[2001:db8::5]:1", true},
		{"[2001:db8:8000::]:1", false}, {"unix:/x", false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(net_address_parse(slice_str(cases[i].text), &address, NULL), 0);
		assert_int_equal(net_trusted_has(&set, &address), cases[i].has);
	}
	net_trusted_free(&set);
}

static void a_stale_unix_socket_is_replaced_a_live_one_not(void **state)
{
	char text[64];
	struct net_address address;
	struct stat info;
	int first, second;
	(void)snprintf(text, sizeof(text), "unix:/tmp/net_test_%d.sock", (int)getpid());
	assert_int_equal(net_address_parse(slice_str(text), &address, NULL), 0);
	assert_int_equal(net_address_listen(&address, 5, 0600, &first, NULL), 0);
	assert_int_equal(stat(text + 5, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_true(net_address_listen(&address, 5, 0600, &second, NULL) < 0);
	(void)close(first);
	assert_int_equal(net_address_listen(&address, 5, 0600, &second, NULL), 0);
	(void)close(second);
	(void)unlink(text + 5);
}

static void proxy_headers_give_the_client(void **state)
{
	struct net_proxy_header header;
	char text[NET_ADDRESS_TEXT];
	struct slice line = SLICE("PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\nrest");
	for (size_t len = 0; len < 40; len++)
		assert_int_equal(net_proxy_parse(slice(line.ptr, len), &header), NET_PROXY_MORE);
	assert_int_equal(net_proxy_parse(line, &header), NET_PROXY_HEADER);
	assert_int_equal(header.len, 40);
	net_address_text(&header.source, text);
	assert_string_equal(text, "192.0.2.1:1234");
	assert_int_equal(net_proxy_parse(SLICE("PROXY UNKNOWN\r\n"), &header), NET_PROXY_HEADER);
	assert_false(header.is_real);
	assert_int_equal(
		net_proxy_parse(SLICE("PROXY TCP4 ::1 ::1 1 2\r\n"), &header), NET_PROXY_BAD);
	assert_int_equal(net_proxy_parse(SLICE("EHLO"), &header), NET_PROXY_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(malformed_addresses_are_refused),
		cmocka_unit_test(networks_hold_their_addresses),
		cmocka_unit_test(a_stale_unix_socket_is_replaced_a_live_one_not),
		cmocka_unit_test(proxy_headers_give_the_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
