/* Where a key lies: SELECTOR._domainkey.DOMAIN, TXT (RFC 6376 section 3.6.2). */
#include "filter/dkim_key.h"

#include <unicode/uidna.h>

enum {
	NAME_MAX_LEN = 253,
	UTF8_MAX = 4 * 1024, /* of a name before it is made ASCII */
	RECORDS_MAX = 16,    /* looked at, of one name */
};

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

/* A-labels for U-labels (RFC 8616 section 4). Both parts were looked at by the signature's reader.
 */
static bool name_of(
	struct slice selector, struct slice domain, struct arena *arena, struct slice *ret_name)
{
	*ret_name = slice_str(arena_printf(
		arena, "%.*s._domainkey.%.*s", SLICE_ARG(selector), SLICE_ARG(domain)));
	if (is_ascii(*ret_name))
		return ret_name->len <= NAME_MAX_LEN;
	if (ret_name->len > UTF8_MAX)
		return false;
	UErrorCode status = U_ZERO_ERROR;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UIDNA *idna = uidna_openUTS46(
		UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
	char *ascii = arena_alloc(arena, NAME_MAX_LEN + 1);
	int32_t len = uidna_nameToASCII_UTF8(
		idna, ret_name->ptr, (int32_t)ret_name->len, ascii, NAME_MAX_LEN, &info, &status);
	uidna_close(idna);
	if (U_FAILURE(status) || info.errors != 0 || len <= 0 || len > NAME_MAX_LEN)
		return false;
	*ret_name = slice(ascii, (size_t)len);
	return true;
}

/* The strings of a TXT record, joined (RFC 6376 section 3.6.2.2); ptr NULL when cut short. */
static struct slice text_of(struct slice record, struct arena *arena)
{
	char *text = arena_alloc(arena, record.len + 1);
	size_t len = 0;
	while (record.len > 0) {
		size_t n = (unsigned char)record.ptr[0];
		if (n > record.len - 1)
			return SLICE_NONE;
		memcpy(text + len, record.ptr + 1, n);
		len += n;
		record = slice_from(record, n + 1);
	}
	return slice(text, len);
}

/* The first record that is a key, else the complaint about the first that would be one. */
static struct filter_dkim_verdict choose(
	const struct dns_answer *answer, struct arena *arena, struct filter_dkim_key *ret_key)
{
	struct filter_dkim_verdict first = FILTER_DKIM_SAY(NONE, ""), verdict = first;
	bool testing = false;
	for (size_t i = 0; i < answer->count && i < RECORDS_MAX; i++) {
		verdict = filter_dkim_key_parse(text_of(answer->records[i], arena), ret_key);
		if (verdict.status == FILTER_DKIM_NONE)
			return verdict;
		if (i == 0) {
			first = verdict;
			testing = ret_key->testing;
		}
	}
	*ret_key = (struct filter_dkim_key){.testing = testing};
	return first;
}

struct filter_dkim_verdict filter_dkim_key_fetch(struct dns *dns, struct slice selector,
	struct slice domain, struct arena *arena, struct filter_dkim_key *ret_key)
{
	struct dns_answer answer;
	struct slice name;
	struct err err = {0};
	*ret_key = (struct filter_dkim_key){0};
	if (!name_of(selector, domain, arena, &name))
		return FILTER_DKIM_SAY(PERMERROR, "no such name can be in DNS");
	int outcome = dns_lookup(dns, name, DNS_TXT, arena, &answer, &err);
	if (outcome < 0 && err.class == ERR_PERMANENT)
		return FILTER_DKIM_SAY(PERMERROR, "no such name can be in DNS");
	if (outcome < 0)
		return FILTER_DKIM_SAY(TEMPERROR, "no answer from DNS for the key");
	if (outcome > 0 || answer.count == 0)
		return FILTER_DKIM_SAY(PERMERROR, "no key for signature");
	return choose(&answer, arena, ret_key);
}
