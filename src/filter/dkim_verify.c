/* Reads all signatures, walks over the header once for all of them, then checks one by one, cheap
 * questions first. A failure of one says nothing about the others (RFC 6376 section 6.1). */
#include "filter/dkim_verify.h"

#include "filter/dkim_key.h"

#define GOOD FILTER_DKIM_SAY(NONE, "")

static void find_signatures(const struct filter_message *message, struct arena *arena,
	struct filter_dkim_results *results)
{
	struct slice header = message->header;
	struct message_field field;
	while (message_next_field(&header, &field)) {
		if (!slice_eq_nocase(field.name, SLICE("DKIM-Signature")))
			continue;
		if (results->count == FILTER_DKIM_SIGNATURES_MAX) {
			results->more = true;
			return;
		}
		if (!results->list)
			results->list = ARENA_ARRAY(
				arena, struct filter_dkim_result, FILTER_DKIM_SIGNATURES_MAX);
		struct filter_dkim_result *r = &results->list[results->count++];
		r->verdict = filter_dkim_signature_parse(
			FILTER_DKIM_SIGNATURE, &field, arena, &r->signature);
	}
}

/* May this key be used for this signature? */
static struct filter_dkim_verdict check_key(
	const struct filter_dkim_key *key, const struct filter_dkim_signature *s)
{
	if (key->algorithm != s->algorithm)
		return FILTER_DKIM_SAY(PERMERROR, "key is of another kind than the signature");
	const char *at = s->identity.len ? memrchr(s->identity.ptr, '@', s->identity.len) : NULL;
	if (key->same_domain && at &&
		!slice_eq_nocase(
			slice_from(s->identity, (size_t)(at - s->identity.ptr) + 1), s->domain))
		return FILTER_DKIM_SAY(PERMERROR, "key is not for subdomains");
	return GOOD;
}

static struct filter_dkim_verdict get_key(struct filter_dkim_result *r, struct dns *dns,
	struct arena *arena, struct filter_dkim_key *ret_key)
{
	struct filter_dkim_verdict verdict = filter_dkim_key_fetch(
		dns, r->signature.selector, r->signature.domain, arena, ret_key);
	r->testing = ret_key->testing;
	r->key_bits = ret_key->bits;
	return verdict.status == FILTER_DKIM_NONE ? check_key(ret_key, &r->signature) : verdict;
}

static struct filter_dkim_verdict check_body(
	const struct filter_dkim_signature *s, const struct filter_dkim_body *body)
{
	if (s->body_len != FILTER_CANON_ALL && s->body_len > body->len)
		return FILTER_DKIM_SAY(FAIL, "body is shorter than the signed part");
	if (memcmp(s->body_hash, body->hash, FILTER_DIGEST_LEN) != 0)
		return FILTER_DKIM_SAY(FAIL, "body hash did not verify");
	return GOOD;
}

static struct filter_dkim_verdict check_signature(const struct filter_dkim_signature *s,
	const struct filter_dkim_key *key, struct filter_dkim_hashes *hashes)
{
	const struct filter_dkim_body *body =
		filter_dkim_hashes_body(hashes, s->body_form, s->body_len);
	struct filter_dkim_verdict verdict = check_body(s, body);
	if (verdict.status != FILTER_DKIM_NONE)
		return verdict;
	unsigned char hash[FILTER_DIGEST_LEN];
	filter_dkim_hashes_header(hashes, s, hash);
	if (!filter_dkim_key_verify(key, hash, s->signature))
		return FILTER_DKIM_SAY(FAIL, "signature did not verify");
	if (s->body_len < body->len)
		return FILTER_DKIM_SAY(POLICY, "a part of the body is not signed");
	return FILTER_DKIM_SAY(PASS, "");
}

void filter_dkim_check(struct filter_dkim_result *result, struct filter_dkim_hashes *hashes,
	struct dns *dns, int64_t now, struct arena *arena)
{
	AUTO(filter_dkim_key_free) struct filter_dkim_key key = {0};
	result->verdict = filter_dkim_signature_check_time(&result->signature, now);
	if (result->verdict.status == FILTER_DKIM_NONE)
		result->verdict = get_key(result, dns, arena, &key);
	if (result->verdict.status == FILTER_DKIM_NONE)
		result->verdict = check_signature(&result->signature, &key, hashes);
}

void filter_dkim_check_hash(struct filter_dkim_result *result,
	const unsigned char hash[FILTER_DIGEST_LEN], struct dns *dns, struct arena *arena)
{
	AUTO(filter_dkim_key_free) struct filter_dkim_key key = {0};
	result->verdict = get_key(result, dns, arena, &key);
	if (result->verdict.status != FILTER_DKIM_NONE)
		return;
	bool good = filter_dkim_key_verify(&key, hash, result->signature.signature);
	result->verdict = good ? FILTER_DKIM_SAY(PASS, "")
			       : FILTER_DKIM_SAY(FAIL, "signature did not verify");
}

void filter_dkim_verify(const struct filter_message *message, struct dns *dns, int64_t now,
	struct arena *arena, struct filter_dkim_results *ret_results)
{
	*ret_results = (struct filter_dkim_results){0};
	find_signatures(message, arena, ret_results);
	if (ret_results->count == 0)
		return;
	struct filter_dkim_hashes *hashes = filter_dkim_hashes_new(message, arena);
	for (size_t i = 0; i < ret_results->count; i++)
		if (ret_results->list[i].verdict.status == FILTER_DKIM_NONE)
			filter_dkim_hashes_want(hashes, ret_results->list[i].signature.names);
	filter_dkim_hashes_scan(hashes);
	for (size_t i = 0; i < ret_results->count; i++)
		if (ret_results->list[i].verdict.status == FILTER_DKIM_NONE)
			filter_dkim_check(&ret_results->list[i], hashes, dns, now, arena);
}
