/* Who the client is, as a front end says. */
#include "base/test.h"
#include "pop3/xclient.h"

static void attributes_are_read(void **state)
{
	struct net_origin_words w;
	assert_true(pop3_parse_xclient(SLICE("ADDR=2001:db8::7 port=40000  SESSION=a/b+c== TTL=4 "
					     "CLIENT-TRANSPORT=TLS FORWARD=YWJj "
					     "DESTADDR=192.0.2.1 DESTPORT=110"),
		&w));
	assert_slice(w.client, "2001:db8::7");
	assert_slice(w.client_port, "40000");
	assert_slice(w.session, "a/b+c==");
	assert_slice(w.ttl, "4");
	assert_slice(w.local, "192.0.2.1");
	assert_slice(w.local_port, "110");
}

static void nonsense_is_refused(void **state)
{
	struct net_origin_words w;
	static const char *const BAD[] = {
		"", " ", "ADDR", "ADDR=", "=x", "ADDR=a ADDR=b", "TTL=1 PORT", "ADDR=1.2.3.4 x"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (pop3_parse_xclient(slice_str(BAD[i]), &w))
			fail_msg("\"%s\" is taken", BAD[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_read),
		cmocka_unit_test(nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
