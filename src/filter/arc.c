/* One walk over the header; a field goes to its place in the table by kind and instance. */
#include "filter/arc.h"

#include "filter/tags.h"

enum kind { KIND_RESULTS, KIND_MESSAGE, KIND_SEAL, KIND_NONE };

static const char *const FIELDS[] = {
	[KIND_RESULTS] = "ARC-Authentication-Results",
	[KIND_MESSAGE] = "ARC-Message-Signature",
	[KIND_SEAL] = "ARC-Seal",
};

const char *filter_arc_status_word(enum filter_arc_status status)
{
	static const char *const WORDS[] = {
		[FILTER_ARC_NONE] = "none",
		[FILTER_ARC_PASS] = "pass",
		[FILTER_ARC_FAIL] = "fail",
	};
	return WORDS[status];
}

static enum kind kind_of(struct slice name)
{
	if (!slice_starts_nocase(name, SLICE("ARC-")))
		return KIND_NONE;
	for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++)
		if (slice_eq_nocase(name, slice_str(FIELDS[i])))
			return (enum kind)i;
	return KIND_NONE;
}

/* "i=N;" at the front of the value, which is no list of tags otherwise; 0: malformed. */
static unsigned cut_instance(struct slice value, struct slice *ret_text)
{
	struct slice rest = value, tag = slice_cut(&rest, ';');
	if (tag.len == value.len)
		return 0;
	struct slice number = tag, name = slice_trim(slice_cut(&number, '='));
	if (!slice_eq(name, SLICE("i")))
		return 0;
	*ret_text = slice_trim(rest);
	return filter_arc_instance(slice_trim(number));
}

static unsigned instance_of(
	enum kind kind, const struct message_field *field, struct slice *ret_text)
{
	if (field->whole.len > FILTER_DKIM_FIELD_MAX)
		return 0;
	if (kind == KIND_RESULTS)
		return cut_instance(field->value, ret_text);
	if (!filter_tags_check(field->value))
		return 0;
	return filter_arc_instance(filter_tags_find(field->value, "i"));
}

static const char *put(
	struct filter_arc_chain *chain, enum kind kind, const struct message_field *field)
{
	struct slice text = SLICE_NONE;
	unsigned instance = instance_of(kind, field, &text);
	if (instance == 0)
		return "malformed field of a set";
	chain->highest = MAX(chain->highest, instance);
	struct filter_arc_set *set = &chain->sets[instance - 1];
	struct message_field *place = kind == KIND_RESULTS   ? &set->results
				      : kind == KIND_MESSAGE ? &set->message
							     : &set->seal_field;
	if (place->whole.ptr)
		return "a set has two fields of a kind";
	*place = *field;
	if (kind == KIND_RESULTS)
		set->text = text;
	return NULL;
}

/* All fields, also after a complaint: who seals must know the highest instance. */
static bool find_fields(struct slice header, struct arena *arena, struct filter_arc_chain *chain)
{
	struct message_field field;
	bool any = false;
	while (message_next_field(&header, &field)) {
		enum kind kind = kind_of(field.name);
		if (kind == KIND_NONE)
			continue;
		if (!chain->sets)
			chain->sets =
				ARENA_ARRAY(arena, struct filter_arc_set, FILTER_ARC_INSTANCES_MAX);
		const char *wrong = put(chain, kind, &field);
		if (wrong && !chain->reason)
			chain->reason = wrong;
		any = true;
	}
	return any;
}

/* Section 5.2 steps 2 and 3.C. */
static const char *check_state(struct filter_arc_chain *chain, unsigned instance)
{
	enum filter_dkim_chain state = chain->sets[instance - 1].seal.chain;
	if (state == FILTER_DKIM_CHAIN_FAIL)
		return "the chain had failed before";
	if ((state == FILTER_DKIM_CHAIN_NONE) != (instance == 1))
		return "a seal says what can't be (cv=)";
	return NULL;
}

static const char *read_set(struct filter_arc_set *set, struct arena *arena)
{
	if (!set->results.whole.ptr || !set->message.whole.ptr || !set->seal_field.whole.ptr)
		return "a set is not complete";
	struct filter_dkim_verdict verdict = filter_dkim_signature_parse(
		FILTER_DKIM_ARC_SEAL, &set->seal_field, arena, &set->seal);
	return verdict.status == FILTER_DKIM_NONE ? NULL : verdict.reason;
}

enum filter_arc_status filter_arc_collect(
	struct slice header, struct arena *arena, struct filter_arc_chain *ret_chain)
{
	*ret_chain = (struct filter_arc_chain){0};
	if (!find_fields(header, arena, ret_chain))
		return FILTER_ARC_NONE;
	for (unsigned i = ret_chain->highest; i > 0; i--) {
		const char *wrong = read_set(&ret_chain->sets[i - 1], arena);
		if (!wrong)
			wrong = check_state(ret_chain, i);
		if (i == ret_chain->highest)
			ret_chain->ended =
				ret_chain->sets[i - 1].seal.chain == FILTER_DKIM_CHAIN_FAIL;
		if (wrong && !ret_chain->reason)
			ret_chain->reason = wrong;
	}
	ret_chain->count = ret_chain->highest;
	return ret_chain->reason ? FILTER_ARC_FAIL : FILTER_ARC_PASS;
}

void filter_arc_hash_set(const struct filter_arc_set *set, struct filter_digest *digest)
{
	struct filter_canon_sink sink = filter_digest_sink(digest);
	filter_canon_field(FILTER_CANON_RELAXED, &set->results, &sink);
	filter_canon_field(FILTER_CANON_RELAXED, &set->message, &sink);
	filter_canon_field(FILTER_CANON_RELAXED, &set->seal_field, &sink);
}
