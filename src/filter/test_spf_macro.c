/* Macros of SPF: the examples of RFC 7208 section 7.4, and the grammar's corners. */
#include "base/test.h"
#include "filter/spf_macro.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct slice validated(void *context)
{
	return SLICE("mx.example.org");
}

static struct filter_spf_values values(const char *ip)
{
	struct filter_spf_values v = {.sender = SLICE("strong-bad@email.example.com"),
		.local = SLICE("strong-bad"),
		.sender_domain = SLICE("email.example.com"),
		.domain = SLICE("email.example.com"),
		.helo = SLICE("mx.example.org"),
		.now = 1234567890,
		.validated = validated};
	v.is_ip4 = !strchr(ip, ':');
	memset(v.ip + 10, v.is_ip4 ? 0xff : 0, 2);
	assert_int_equal(
		inet_pton(v.is_ip4 ? AF_INET : AF_INET6, ip, v.ip + (v.is_ip4 ? 12 : 0)), 1);
	return v;
}

static const struct {
	const char *ip, *text, *expanded;
} EXPANDED[] = {
	{"192.0.2.3", "%{s}", "strong-bad@email.example.com"},
	{"192.0.2.3", "%{o}", "email.example.com"},
	{"192.0.2.3", "%{d}", "email.example.com"},
	{"192.0.2.3", "%{d4}", "email.example.com"},
	{"192.0.2.3", "%{d3}", "email.example.com"},
	{"192.0.2.3", "%{d2}", "example.com"},
	{"192.0.2.3", "%{d1}", "com"},
	{"192.0.2.3", "%{dr}", "com.example.email"},
	{"192.0.2.3", "%{d2r}", "example.email"},
	{"192.0.2.3", "%{l}", "strong-bad"},
	{"192.0.2.3", "%{l-}", "strong.bad"},
	{"192.0.2.3", "%{lr}", "strong-bad"},
	{"192.0.2.3", "%{lr-}", "bad.strong"},
	{"192.0.2.3", "%{l1r-}", "strong"},
	{"192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
	{"192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
	{"192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
		"bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
	{"192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
		"3.2.0.192.in-addr.strong.lp._spf.example.com"},
	{"192.0.2.3", "%{d2}.trusted-domains.example.net",
		"example.com.trusted-domains.example.net"},
	{"2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
		"1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf."
		"example.com"},
	{"2001:db8::cb01", "%{c} %{r} %{t} %{p} %{h}",
		"2001:db8::cb01 unknown 1234567890 mx.example.org mx.example.org"},
	{"192.0.2.3", "%%%_%-%{S}", "% %20strong-bad%40email.example.com"},
	{"192.0.2.3", "%{D999999999999r-.}", "com.example.email"},
	{"192.0.2.3", "%{l1-+}", "bad"},
	{"192.0.2.3", "", ""},
	{"192.0.2.3", "%", NULL},
	{"192.0.2.3", "%{d", NULL},
	{"192.0.2.3", "%{}", NULL},
	{"192.0.2.3", "%{d0}", NULL},
	{"192.0.2.3", "%{dx}", NULL},
	{"192.0.2.3", "%{x}", NULL},
	{"192.0.2.3", "%(d)", NULL},
	{"192.0.2.3", "a\tb", NULL},
	{"192.0.2.3", "\xc3\xa4", NULL},
};

static void macros_become_what_they_stand_for(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(EXPANDED); i++) {
		AUTO(buf_free) struct buf to = BUF(1000);
		struct filter_spf_values v = values(EXPANDED[i].ip);
		struct slice text = slice_str(EXPANDED[i].text);
		bool good = filter_spf_expand(text, FILTER_SPF_IN_TEXT, &v, &to);
		assert_int_equal(good, filter_spf_is_macro_string(text, FILTER_SPF_IN_TEXT));
		if (good != (EXPANDED[i].expanded != NULL))
			fail_msg("\"%s\" is %s", EXPANDED[i].text, good ? "taken" : "refused");
		if (good)
			assert_slice(buf_slice(&to), EXPANDED[i].expanded);
	}
}

static void some_letters_are_for_explanations_only(void **state)
{
	assert_false(filter_spf_is_macro_string(SLICE("%{c}"), FILTER_SPF_IN_DOMAIN));
	assert_false(filter_spf_is_macro_string(SLICE("%{r}"), FILTER_SPF_IN_DOMAIN));
	assert_false(filter_spf_is_macro_string(SLICE("%{T}"), FILTER_SPF_IN_DOMAIN));
	assert_false(filter_spf_is_macro_string(SLICE("a b"), FILTER_SPF_IN_DOMAIN));
	assert_true(filter_spf_is_macro_string(SLICE("%{p}"), FILTER_SPF_IN_DOMAIN));
}

static void a_domain_ends_in_a_macro_or_a_top_label(void **state)
{
	static const char *const GOOD[] = {"a.example", "a.example.", "%{d}", "x%{d}", "a.b%-",
		"a:b/c.example", "a.xn--zckzah", "_x.1a", "a..example"};
	static const char *const BAD[] = {"", "example", "example.", "a.123", "a.-x", "a.x-",
		"a.example:25", "a.example/24", "%{d}x", "a.", "a.b c", "a.%", "a.ex\xc3\xa4mple"};
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		if (!filter_spf_is_domain_spec(slice_str(GOOD[i])))
			fail_msg("%s is refused", GOOD[i]);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (filter_spf_is_domain_spec(slice_str(BAD[i])))
			fail_msg("%s is taken", BAD[i]);
}

static void long_names_lose_labels_on_the_left(void **state)
{
	char text[300];
	memset(text, 'a', sizeof(text));
	for (size_t i = 49; i < sizeof(text); i += 50)
		text[i] = '.';
	struct slice fit = filter_spf_fit_name(slice(text, sizeof(text)));
	assert_int_equal(fit.len, 249);
	assert_int_equal(filter_spf_fit_name(SLICE("a.example.")).len, 9);
	memset(text, 'a', sizeof(text));
	assert_int_equal(filter_spf_fit_name(slice(text, sizeof(text))).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macros_become_what_they_stand_for),
		cmocka_unit_test(some_letters_are_for_explanations_only),
		cmocka_unit_test(a_domain_ends_in_a_macro_or_a_top_label),
		cmocka_unit_test(long_names_lose_labels_on_the_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
