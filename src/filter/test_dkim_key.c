/* Key records (RFC 6376 section 3.6.1): what is a key, in which forms, of which sizes. */
#include "base/test.h"
#include "filter/dkim_key.h"

#include "base/base64.h"
#include "filter/test_keys.h"

#define RSA_512                                                                                    \
	"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL1MHrgvRJHXgIclh6Z0zbx6GZ7JHhhudhjf5djlr0/l68NkW6UZk"    \
	"b+IM/6i0lybpJDj1MhMgsM78f7/niuHB3ECAwEAAQ=="
/* RFC 8463 appendix A.2's, as RSAPublicKey and as SubjectPublicKeyInfo */
#define RSA_INNER                                                                                  \
	"MIGJAoGBAOQeU5CgFPNZGIazlXo2k/eJ1jpaTTxrmqF1HrDLlt04pvaMtCJj8nXoliLRC/H9vJjMI1vdb3XLc"    \
	"W60AIN/PBD8EL97/y4GwJH7LPUvGP48vqUe+owqszesbiGy1PlCO8c70/OjFnJVgvMF87YR4Lcincb7aSvI5M"    \
	"gpP6X8rjDdAgMBAAE="
#define RSA                                                                                        \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2j"    \
	"LQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9P"   \
	"zoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void check(struct slice record, unsigned bits, const char *reason)
{
	struct filter_dkim_key key;
	struct filter_dkim_verdict verdict = filter_dkim_key_parse(record, &key);
	assert_string_equal(verdict.reason, reason);
	assert_int_equal(key.bits, bits);
	assert_int_equal(key.handle != NULL, reason[0] == '\0');
	filter_dkim_key_free(&key);
}

static void keys_are_read_in_all_their_forms(void **state)
{
	check(SLICE("v=DKIM1; k=rsa; p=" RSA), 1024, "");
	check(SLICE("p=" RSA), 1024, "");
	check(SLICE("v=DKIM1;p=" RSA ";"), 1024, "");
	check(SLICE("v = DKIM1 ; h = sha1 : sha256 ; s=email:x; t=y : s; n=a note; p = " RSA), 1024,
		"");
	check(SLICE("p=MIGf MA0G\r\n\tCSqG" /* the rest: */
		    "SIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2j"
		    "LQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"
		    "8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5"
		    "QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"),
		1024, "");
	check(SLICE("v=DKIM1; p=" RSA_INNER), 1024, "");
	check(SLICE("v=DKIM1; k=ed25519; p=" ED25519), 256, "");
}

static void flags_are_told(void **state)
{
	struct filter_dkim_key key;
	struct filter_dkim_verdict verdict =
		filter_dkim_key_parse(SLICE("v=DKIM1; t=y:s; p="), &key);
	assert_int_equal(verdict.status, FILTER_DKIM_PERMERROR);
	assert_true(key.testing && key.same_domain);
	verdict = filter_dkim_key_parse(SLICE("v=DKIM1; t=yes; p="), &key);
	assert_true(!key.testing && !key.same_domain);
}

static void what_is_no_key_is_refused(void **state)
{
	static const char *const NONE[] = {"", "v=spf1 -all", "hello", "v=DKIM2; p=" RSA,
		"p=" RSA "; v=DKIM1", "v=dkim1; p=" RSA, "k=rsa", "v=DKIM1; p=a; p=a"};
	static const char *const MALFORMED[] = {"p=hello", "p=AAAA", "k=ed25519; p=" RSA,
		"p=" ED25519, "v=DKIM1; p=" RSA "AAAA", "k=ed25519; p=AAAA"};
	for (size_t i = 0; i < ARRAY_LEN(NONE); i++)
		check(slice_str(NONE[i]), 0, "the record is no key");
	for (size_t i = 0; i < ARRAY_LEN(MALFORMED); i++)
		check(slice_str(MALFORMED[i]), 0, "malformed key (p=)");
	check(SLICE("v=DKIM1; k=rsa"), 0, "the record has no key (p=)");
	check(SLICE("v=DKIM1; p="), 0, "the key was revoked");
	check(SLICE("v=DKIM1; k=dsa; p=" RSA), 0, "unknown kind of key (k=)");
}

/* An RSAPublicKey of that many bytes, with a modulus that is all ones. */
static void check_size(size_t bytes, const char *reason)
{
	AUTO(buf_free) struct buf der = BUF(4096), record = BUF(8192);
	size_t inner = 4 + 1 + bytes + 5;
	buf_printf(&der, "\x30\x82%c%c\x02\x82%c%c", 1, 1, 1, 1);
	der.data[2] = (char)(inner >> 8);
	der.data[3] = (char)inner;
	der.data[6] = (char)((bytes + 1) >> 8);
	der.data[7] = (char)(bytes + 1);
	buf_add_byte(&der, '\0');
	for (size_t i = 0; i < bytes; i++)
		buf_add_byte(&der, '\xff');
	buf_add(&der, "\x02\x03\x01\x00\x01", 5);
	buf_add_str(&record, "p=");
	base64_encode(&record, buf_slice(&der));
	check(buf_slice(&record), (unsigned)bytes * 8, reason);
}

static void rsa_has_1024_to_4096_bits(void **state)
{
	check(SLICE("p=" RSA_512), 512, "key has less than 1024 bits");
	check_size(127, "key has less than 1024 bits");
	check_size(128, "");
	check_size(512, "");
	check_size(513, "key has more than 4096 bits");
}

static void the_first_record_that_is_a_key_counts(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct test_keys keys = test_keys_of(TEST_KEYS);
	struct filter_dkim_key key;
	struct filter_dkim_verdict verdict = filter_dkim_key_fetch(
		&keys.dns, SLICE("two"), SLICE("football.example.com"), &arena, &key);
	assert_int_equal(verdict.status, FILTER_DKIM_NONE);
	assert_int_equal(key.algorithm, FILTER_DKIM_ED25519_SHA256);
	filter_dkim_key_free(&key);
}

static void a_name_that_is_too_long_is_not_asked_for(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct test_keys keys = test_keys_of(TEST_KEYS);
	struct filter_dkim_key key;
	char domain[250];
	memset(domain, 'a', sizeof(domain));
	struct filter_dkim_verdict verdict = filter_dkim_key_fetch(
		&keys.dns, SLICE("s"), slice(domain, sizeof(domain)), &arena, &key);
	assert_int_equal(verdict.status, FILTER_DKIM_PERMERROR);
	assert_int_equal(keys.questions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read_in_all_their_forms),
		cmocka_unit_test(flags_are_told),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(rsa_has_1024_to_4096_bits),
		cmocka_unit_test(the_first_record_that_is_a_key_counts),
		cmocka_unit_test(a_name_that_is_too_long_is_not_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
