/* What clients call themselves. */
#include "base/test.h"
#include "filter/helo.h"

static void names_and_literals_of_others_are_good(void **state)
{
	static const struct {
		const char *helo;
		enum filter_helo result;
	} CASES[] = {
		{"mail.example.org", FILTER_HELO_GOOD},
		{"mail.example.org.", FILTER_HELO_GOOD},
		{"xn--bcher-kva.example", FILTER_HELO_GOOD},
		{"[192.0.2.7]", FILTER_HELO_GOOD},
		{"[IPv6:2001:db8::7]", FILTER_HELO_GOOD},
		{"localhost", FILTER_HELO_BAD},
		{"WIN-1234", FILTER_HELO_BAD},
		{"192.0.2.7", FILTER_HELO_BAD},
		{"[192.0.2]", FILTER_HELO_BAD},
		{"[2001:db8::7]", FILTER_HELO_BAD},
		{"[IPv6:192.0.2.7]", FILTER_HELO_BAD},
		{"[", FILTER_HELO_BAD},
		{"[]", FILTER_HELO_BAD},
		{"", FILTER_HELO_BAD},
		{"Mail.Ours.test", FILTER_HELO_OURS},
		{"[192.0.2.25]", FILTER_HELO_OURS},
		{"[IPv6:::ffff:192.0.2.25]", FILTER_HELO_OURS},
		{"[127.0.0.9]", FILTER_HELO_OURS},
		{"[IPv6:::1]", FILTER_HELO_OURS},
	};
	struct net_address local;
	struct err err;
	assert_int_equal(net_address_parse(SLICE("192.0.2.25:25"), &local, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		if (filter_helo_judge(slice_str(CASES[i].helo), SLICE("mail.ours.test"), &local) !=
			CASES[i].result)
			fail_msg("HELO %s", CASES[i].helo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_literals_of_others_are_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
