/* The newest signature of the message, then all seals, newest first. What the seals sign grows set
 * by set, so one digest goes over all sets once, and each seal's hash is taken on its way. */
#include "filter/arc_verify.h"

#include "filter/dkim_verify.h"

#include "base/wait.h"

static void fail(struct filter_arc_result *result, struct arena *arena, const char *what,
	unsigned instance, struct filter_dkim_verdict verdict)
{
	result->status = FILTER_ARC_FAIL;
	result->temporary = verdict.status == FILTER_DKIM_TEMPERROR;
	result->reason = arena_printf(arena, "%s of i=%u: %s", what, instance, verdict.reason);
}

static struct filter_dkim_verdict check_message(const struct filter_message *message,
	const struct filter_arc_set *set, struct dns *dns, int64_t now, struct arena *arena)
{
	struct filter_dkim_result r = {0};
	r.verdict = filter_dkim_signature_parse(
		FILTER_DKIM_ARC_MESSAGE, &set->message, arena, &r.signature);
	if (r.verdict.status != FILTER_DKIM_NONE)
		return r.verdict;
	struct filter_dkim_hashes *hashes = filter_dkim_hashes_new(message, arena);
	filter_dkim_hashes_want(hashes, r.signature.names);
	filter_dkim_hashes_scan(hashes);
	filter_dkim_check(&r, hashes, dns, now, arena);
	return r.verdict;
}

/* The hash that each seal signs: all sets before, its own, without its signature. */
static void hash_seals(
	const struct filter_arc_chain *chain, unsigned char hashes[][FILTER_DIGEST_LEN])
{
	struct filter_digest all = filter_digest_new();
	for (unsigned i = 0; i < chain->count; i++) {
		const struct filter_arc_set *set = &chain->sets[i];
		struct filter_digest one = filter_digest_copy(&all);
		struct filter_canon_sink sink = filter_digest_sink(&one);
		filter_canon_field(FILTER_CANON_RELAXED, &set->results, &sink);
		filter_canon_field(FILTER_CANON_RELAXED, &set->message, &sink);
		filter_canon_signature(
			FILTER_CANON_RELAXED, &set->seal_field, set->seal.hole, &sink);
		filter_digest_end(&one, hashes[i]);
		filter_arc_hash_set(set, &all);
		wait_give_way();
	}
	filter_digest_free(&all);
}

static void check_seals(struct filter_arc_result *result, struct dns *dns, struct arena *arena)
{
	unsigned char hashes[FILTER_ARC_INSTANCES_MAX][FILTER_DIGEST_LEN];
	hash_seals(&result->chain, hashes);
	for (unsigned i = result->chain.count; i > 0; i--) {
		struct filter_dkim_result r = {.signature = result->chain.sets[i - 1].seal};
		filter_dkim_check_hash(&r, hashes[i - 1], dns, arena);
		if (r.verdict.status != FILTER_DKIM_PASS) {
			fail(result, arena, "seal", i, r.verdict);
			return;
		}
		wait_give_way();
	}
}

void filter_arc_verify(const struct filter_message *message, struct dns *dns, int64_t now,
	struct arena *arena, struct filter_arc_result *ret_result)
{
	struct filter_arc_result *r = ret_result;
	*r = (struct filter_arc_result){.reason = ""};
	r->status = filter_arc_collect(message->header, arena, &r->chain);
	if (r->status == FILTER_ARC_FAIL)
		r->reason = r->chain.reason;
	if (r->status != FILTER_ARC_PASS)
		return;
	struct filter_dkim_verdict verdict =
		check_message(message, &r->chain.sets[r->chain.count - 1], dns, now, arena);
	if (verdict.status == FILTER_DKIM_PASS)
		check_seals(r, dns, arena);
	else
		fail(r, arena, "message signature", r->chain.count, verdict);
}
