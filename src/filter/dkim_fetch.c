/* Where a key lies: SELECTOR._domainkey.DOMAIN, TXT (RFC 6376 section 3.6.2). */
#include "filter/dkim_key.h"

#include "dns/records.h"
#include "filter/name.h"

enum { RECORDS_MAX = 16 }; /* looked at, of one name */

/* A-labels for U-labels (RFC 8616 section 4). */
static bool name_of(
	struct slice selector, struct slice domain, struct arena *arena, struct slice *ret_name)
{
	const char *name =
		arena_printf(arena, "%.*s._domainkey.%.*s", SLICE_ARG(selector), SLICE_ARG(domain));
	return filter_name_to_ascii(slice_str(name), arena, ret_name);
}

/* ptr NULL when malformed. */
static struct slice text_of(struct slice record, struct arena *arena)
{
	struct slice text;
	return dns_read_txt(record, arena, &text) ? text : SLICE_NONE;
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
