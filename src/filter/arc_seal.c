/* The fields are made from the bottom up, as each signs those below, and are put in front in the
 * other order: seal, message signature, results. */
#include "filter/arc_seal.h"

#include "filter/dkim_names.h"

enum {
	FIELD_MAX = FILTER_DKIM_FIELD_MAX,
};

/* Every line end is a fold: the field ends nowhere inside. */
static bool is_folded(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i], next = i + 1 < value.len ? value.ptr[i + 1] : '\0';
		if (c == '\0' || (c == '\r' && next != '\n') ||
			(c == '\n' && next != ' ' && next != '\t'))
			return false;
	}
	return true;
}

static struct message_field field_of(const struct buf *text)
{
	struct slice rest = buf_slice(text);
	struct message_field field = {0};
	return message_next_field(&rest, &field) ? field : (struct message_field){0};
}

static void add_results(unsigned instance, struct slice results, struct buf *to)
{
	buf_printf(to, "ARC-Authentication-Results: i=%u; ", instance);
	buf_add_slice(to, results);
	buf_add_str(to, "\r\n");
}

static int add_message(const struct filter_message *message, struct filter_dkim_draft *draft,
	struct buf *to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_dkim_hashes *hashes = filter_dkim_hashes_new(message, &arena);
	filter_dkim_names_want(hashes);
	filter_dkim_hashes_scan(hashes);
	draft->names = filter_dkim_names_list(hashes, &arena);
	draft->body_hash =
		filter_dkim_hashes_body(hashes, FILTER_CANON_RELAXED, FILTER_CANON_ALL)->hash;
	struct filter_dkim_signature signature;
	struct filter_fold fold;
	unsigned char hash[FILTER_DIGEST_LEN];
	filter_dkim_draft_write(draft, to, &fold, &signature);
	filter_dkim_hashes_header(hashes, &signature, hash);
	return filter_dkim_draft_sign(draft, hash, &fold, err);
}

/* Of a chain that failed only the new set is sealed (section 5.1.2). */
static int add_seal(const struct filter_arc_result *came, const struct filter_arc_set *set,
	struct filter_dkim_draft *draft, struct buf *to, struct err *err)
{
	struct filter_dkim_signature signature;
	struct filter_fold fold;
	unsigned char hash[FILTER_DIGEST_LEN];
	filter_dkim_draft_write(draft, to, &fold, &signature);
	struct filter_digest digest = filter_digest_new();
	struct filter_canon_sink sink = filter_digest_sink(&digest);
	if (draft->chain == FILTER_DKIM_CHAIN_PASS)
		for (unsigned i = 0; i < came->chain.count; i++)
			filter_arc_hash_set(&came->chain.sets[i], &digest);
	filter_canon_field(FILTER_CANON_RELAXED, &set->results, &sink);
	filter_canon_field(FILTER_CANON_RELAXED, &set->message, &sink);
	filter_canon_signature(FILTER_CANON_RELAXED, &signature.field, signature.hole, &sink);
	filter_digest_end(&digest, hash);
	return filter_dkim_draft_sign(draft, hash, &fold, err);
}

static enum filter_dkim_chain chain_of(enum filter_arc_status status)
{
	return status == FILTER_ARC_NONE   ? FILTER_DKIM_CHAIN_NONE
	       : status == FILTER_ARC_PASS ? FILTER_DKIM_CHAIN_PASS
					   : FILTER_DKIM_CHAIN_FAIL;
}

int filter_arc_seal(const struct filter_message *message, const struct filter_arc_result *came,
	const struct filter_dkim_signer *signer, struct slice results, int64_t now, struct buf *to,
	struct err *err)
{
	if (came->chain.ended || came->temporary || came->chain.highest >= FILTER_ARC_INSTANCES_MAX)
		return FILTER_ARC_NOT_SEALED;
	results = slice_trim(results);
	if (!is_folded(results))
		return err_permanent(err, ERR_BAD_INPUT, "results are not one field");
	AUTO(buf_free)
	struct buf first = BUF(FIELD_MAX), second = BUF(FIELD_MAX), third = BUF(FIELD_MAX);
	struct filter_dkim_draft draft = {
		.kind = FILTER_DKIM_ARC_MESSAGE,
		.signer = signer,
		.instance = came->chain.highest + 1,
		.chain = chain_of(came->status),
		.time = now,
	};
	add_results(draft.instance, results, &third);
	int result = add_message(message, &draft, &second, err);
	if (result < 0)
		return result;
	struct filter_arc_set set = {.results = field_of(&third), .message = field_of(&second)};
	draft.kind = FILTER_DKIM_ARC_SEAL;
	result = add_seal(came, &set, &draft, &first, err);
	if (result < 0)
		return result;
	size_t before = to->len;
	buf_add_slice(to, buf_slice(&first));
	buf_add_slice(to, buf_slice(&second));
	buf_add_slice(to, buf_slice(&third));
	if (!to->failed && !third.failed)
		return 0;
	to->len = before;
	return err_temporary(err, ERR_LIMIT, "no room for a seal");
}
