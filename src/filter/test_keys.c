/* A name is looked for by its text, a record is cut into strings of 255 bytes. */
#include "filter/test_keys.h"

static void add_strings(struct slice text, struct arena *arena, struct slice *ret_record)
{
	char *bytes = arena_alloc(arena, text.len + text.len / 255 + 1);
	size_t len = 0;
	do {
		struct slice part = slice_sub(text, 0, 255);
		bytes[len++] = (char)part.len;
		if (part.len > 0)
			memcpy(bytes + len, part.ptr, part.len);
		len += part.len;
		text = slice_from(text, part.len);
	} while (text.len > 0);
	*ret_record = slice(bytes, len);
}

static int answer(const struct test_key *key, struct slice name, struct arena *arena,
	struct dns_answer *ret_answer, struct err *err)
{
	if (!key->text)
		return err_temporary(err, ERR_UNAVAILABLE, "no answer");
	if (key->text[0] == '\0')
		return DNS_NO_DATA;
	*ret_answer = (struct dns_answer){.name = name, .ttl = 300};
	ret_answer->records = ARENA_ARRAY(arena, struct slice, 2);
	if (key->other.len > 0)
		add_strings(key->other, arena, &ret_answer->records[ret_answer->count++]);
	add_strings(slice_str(key->text), arena, &ret_answer->records[ret_answer->count++]);
	return 0;
}

static int lookup(struct dns *dns, struct slice name, enum dns_type type, struct arena *arena,
	struct dns_answer *ret_answer, struct err *err)
{
	struct test_keys *keys = CONTAINER_OF(dns, struct test_keys, dns);
	keys->questions++;
	for (const struct test_key *key = keys->table; key->name; key++)
		if (type == DNS_TXT && slice_eq_nocase(name, slice_str(key->name)))
			return answer(key, name, arena, ret_answer, err);
	return DNS_NO_NAME;
}

static void nothing(struct dns *dns)
{
}

struct test_keys test_keys_of(const struct test_key *table)
{
	static const struct dns_driver DRIVER = {.lookup = lookup, .free = nothing};
	return (struct test_keys){.dns.driver = &DRIVER, .table = table};
}

#define RSA_OF_RFC8463                                                                             \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jL"   \
	"QiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9Pz"   \
	"oxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
#define ED25519_OF_RFC8463 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

const struct test_key TEST_KEYS[] = {
	/* RFC 6376 appendix C */
	{"brisbane._domainkey.example.com",
		"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLn"
		"Qg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2"
		"gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"},
	/* RFC 8463 appendix A.2 */
	{"brisbane._domainkey.football.example.com", "v=DKIM1; k=ed25519; p=" ED25519_OF_RFC8463},
	{"test._domainkey.football.example.com", "v=DKIM1; k=rsa; p=" RSA_OF_RFC8463},
	/* The same keys, with what a record can say of them */
	{"testing._domainkey.football.example.com",
		"v=DKIM1; k=ed25519; t=y; p=" ED25519_OF_RFC8463},
	{"strict._domainkey.example.com", "v=DKIM1; k=ed25519; t=y:s; p=" ED25519_OF_RFC8463},
	{"sha1._domainkey.example.com", "v=DKIM1; k=rsa; h=sha1; p=" RSA_OF_RFC8463},
	{"tlsrpt._domainkey.example.com", "k=rsa; s=tlsrpt; p=" RSA_OF_RFC8463},
	{"revoked._domainkey.example.com", "v=DKIM1; p="},
	{"broken._domainkey.example.com", "v=DKIM1; k=rsa; omgwhatsgoingon"},
	{"nodata._domainkey.example.com", ""},
	{"later._domainkey.example.com", NULL},
	{"two._domainkey.football.example.com", "v=DKIM1; k=ed25519; p=" ED25519_OF_RFC8463,
		{"v=spf1 -all", 11}},
	{"brisbane._domainkey.xn--bcher-kva.example", "v=DKIM1; k=ed25519; p=" ED25519_OF_RFC8463},
	{NULL, NULL},
};
