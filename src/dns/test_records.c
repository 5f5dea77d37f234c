/* RDATA in words and back, names, and what is refused. */
#include "base/test.h"
#include "dns/records.h"
#include "dns/text.h"

static void check_words(enum dns_type type, struct slice rdata, const char *words)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(1 << 20);
	struct slice again;
	dns_text_write(type, rdata, &text);
	assert_slice(buf_slice(&text), words);
	assert_true(dns_text_read(type, slice_str(words), &arena, &again));
	assert_true(slice_eq(again, rdata));
}

#define RAW(literal) SLICE(literal)

static void records_have_words(void **state)
{
	check_words(DNS_A, RAW("\xc0\x00\x02\x01"), "192.0.2.1");
	check_words(DNS_AAAA, RAW("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"), "2001:db8::1");
	check_words(DNS_MX, RAW("\0\x0a\2mx\7example\3org\0"), "10 mx.example.org");
	check_words(DNS_MX, RAW("\0\0\0"), "0 .");
	check_words(DNS_CNAME, RAW("\1a\1b\0"), "a.b");
	check_words(DNS_PTR, RAW("\0"), ".");
	check_words(DNS_NS, RAW("\2ns\7example\0"), "ns.example");
	check_words(DNS_TXT, RAW("\x0dv=spf1 a -all"), "v=spf1 a -all");
	check_words(DNS_TXT, RAW("\5a\\\0\xff\n"), "a\\092\\000\\255\\010");
	check_words(DNS_TXT, RAW("\0"), "");
	check_words(DNS_SRV, RAW("\0\1\0\2\x01\xbb\1h\3net\0"), "1 2 443 h.net");
	check_words(DNS_TLSA, RAW("\3\1\1\xab\xcd"), "3 1 1 abcd");
}

static void malformed_records_are_shown_raw(void **state)
{
	check_words(DNS_A, RAW("\1\2\3"), "\\# 3 010203");
	check_words(DNS_AAAA, RAW("\1\2\3\4"), "\\# 4 01020304");
	check_words(DNS_MX, RAW("\0"), "\\# 1 00");
	check_words(DNS_MX, RAW("\0\1\2m"), "\\# 4 0001026d");
	check_words(DNS_MX, RAW("\0\1\0x"), "\\# 4 00010078");
	check_words(DNS_TXT, RAW("\2a"), "\\# 2 0261");
	check_words(DNS_TXT, RAW(""), "\\# 0 ");
	check_words(DNS_TLSA, RAW("\3\1\1"), "\\# 3 030101");
	check_words(DNS_SRV, RAW("\0\1\0\2\0"), "\\# 5 0001000200");
	check_words(DNS_CNAME, RAW("\xc0\x0c"), "\\# 2 c00c");
	check_words(DNS_CNAME, RAW("\3a.b\0"), "\\# 5 03612e6200");
	check_words(DNS_CNAME, RAW("\2a \0"), "\\# 4 02612000");
}

static void words_that_are_no_record_are_refused(void **state)
{
	static const struct {
		enum dns_type type;
		const char *words;
	} BAD[] = {
		{DNS_A, "192.0.2"},
		{DNS_A, "2001:db8::1"},
		{DNS_AAAA, "192.0.2.1"},
		{DNS_A, ""},
		{DNS_MX, "mx.example.org"},
		{DNS_MX, "65536 mx"},
		{DNS_MX, "10 "},
		{DNS_MX, "10 a..b"},
		{DNS_TLSA, "3 1 1 "},
		{DNS_TLSA, "3 1 1 abc"},
		{DNS_TLSA, "3 1 256 ab"},
		{DNS_TLSA, "3 1 1 xy"},
		{DNS_SRV, "1 2 a"},
		{DNS_CNAME, ""},
		{DNS_A, "\\# 4 010203"},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct slice rdata;
		if (dns_text_read(BAD[i].type, slice_str(BAD[i].words), &arena, &rdata))
			fail_msg("\"%s\" is taken", BAD[i].words);
	}
}

static void strings_of_txt_are_joined(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text, rdata;
	assert_true(dns_read_txt(RAW("\3abc\0\2de"), &arena, &text));
	assert_slice(text, "abcde");
	char words[601] = "";
	memset(words, 'x', 600);
	assert_true(dns_text_read(DNS_TXT, slice_str(words), &arena, &rdata));
	assert_int_equal(rdata.len, 603);
	assert_int_equal((unsigned char)rdata.ptr[0], 255);
	assert_int_equal((unsigned char)rdata.ptr[256], 255);
	assert_int_equal((unsigned char)rdata.ptr[512], 90);
	assert_true(dns_read_txt(rdata, &arena, &text));
	assert_slice(text, words);
}

static void addresses_carry_the_port(void **state)
{
	struct net_address address;
	char text[NET_ADDRESS_TEXT];
	assert_true(dns_read_address(DNS_A, RAW("\x7f\0\0\1"), 25, &address));
	net_address_text(&address, text);
	assert_string_equal(text, "127.0.0.1:25");
	assert_true(dns_read_address(
		DNS_AAAA, RAW("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), 2525, &address));
	net_address_text(&address, text);
	assert_string_equal(text, "[::1]:2525");
	assert_false(dns_read_address(DNS_MX, RAW("\x7f\0\0\1"), 25, &address));
}

static void names_are_bounded(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	char name[DNS_NAME_MAX + 3] = "";
	for (size_t i = 0; i < DNS_NAME_MAX; i++)
		name[i] = i % 64 == 63 ? '.' : 'a';
	assert_true(dns_name_is_good(slice(name, DNS_NAME_MAX)));
	struct slice wire = dns_name_to_wire(slice(name, DNS_NAME_MAX), &arena), rest = wire, back;
	assert_int_equal(wire.len, 255);
	assert_true(dns_name_cut(&rest, &arena, &back));
	assert_slice(back, name);
	name[DNS_NAME_MAX] = 'a';
	assert_false(dns_name_is_good(slice(name, DNS_NAME_MAX + 1)));
	name[DNS_NAME_MAX] = '.';
	assert_true(dns_name_is_good(slice(name, DNS_NAME_MAX + 1)));
	name[63] = 'a';
	assert_false(dns_name_is_good(slice(name, 100)));
}

static void names_are_told_from_none(void **state)
{
	static const char *const GOOD[] = {
		"", ".", "a", "a.", "a.b", "_25._tcp.mx.example.org", "a+b=c.x", "xn--bcher-kva"};
	static const char *const BAD[] = {
		"..", ".a", "a..", "a..b", "a b", "a\\.b", "b\xc3\xbc", "\t"};
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		assert_true(dns_name_is_good(slice_str(GOOD[i])));
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(dns_name_is_good(slice_str(BAD[i])));
	assert_true(dns_name_eq(SLICE("Example.ORG."), SLICE("example.org")));
	assert_false(dns_name_eq(SLICE("example.org"), SLICE("example.or")));
}

static void types_have_names(void **state)
{
	enum dns_type type;
	assert_true(dns_type_find(SLICE("tlsa"), &type));
	assert_int_equal(type, DNS_TLSA);
	assert_string_equal(dns_type_name(DNS_AAAA), "AAAA");
	assert_false(dns_type_find(SLICE("SPF"), &type));
	assert_null(dns_type_name((enum dns_type)99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_words),
		cmocka_unit_test(malformed_records_are_shown_raw),
		cmocka_unit_test(words_that_are_no_record_are_refused),
		cmocka_unit_test(strings_of_txt_are_joined),
		cmocka_unit_test(addresses_carry_the_port),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(names_are_told_from_none),
		cmocka_unit_test(types_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
