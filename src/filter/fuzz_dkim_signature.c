/* A field as a signature of each kind: one that is taken has what verifying needs. */
#include "base/must.h"
#include "filter/dkim_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_good(enum filter_dkim_kind kind, const struct filter_dkim_signature *s)
{
	struct slice value = s->field.value;
	must(s->domain.len > 0 && s->domain.len <= 253 && s->selector.len > 0);
	must(s->signature.len > 0 && s->signature.len <= 1024);
	must(s->hole.ptr >= value.ptr && s->hole.ptr + s->hole.len <= value.ptr + value.len);
	must(slice_search(s->hole, s->text) >= 0);
	must(slice_find(s->hole, ';') < 0);
	if (kind == FILTER_DKIM_SIGNATURE)
		must(slice_find(s->identity, '@') >= 0);
	else
		must(s->instance >= 1 && s->instance <= FILTER_ARC_INSTANCES_MAX);
	must(kind == FILTER_DKIM_ARC_SEAL ? s->names.len == 0 : s->names.ptr != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice header = slice(data, size);
	struct message_field field;
	if (!message_next_field(&header, &field))
		return 0;
	for (int kind = FILTER_DKIM_SIGNATURE; kind <= FILTER_DKIM_ARC_SEAL; kind++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct filter_dkim_signature s;
		struct filter_dkim_verdict v = filter_dkim_signature_parse(
			(enum filter_dkim_kind)kind, &field, &arena, &s);
		must((v.status == FILTER_DKIM_NONE) == (v.reason[0] == '\0'));
		must(v.status != FILTER_DKIM_PASS && v.status != FILTER_DKIM_TEMPERROR);
		if (v.status != FILTER_DKIM_NONE)
			continue;
		check_good((enum filter_dkim_kind)kind, &s);
		v = filter_dkim_signature_check_time(&s, 1528637909);
		must(v.status == FILTER_DKIM_NONE || v.status == FILTER_DKIM_POLICY);
	}
	return 0;
}
