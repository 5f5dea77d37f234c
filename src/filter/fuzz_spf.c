/* A record of SPF, macros with it: what is read in pieces is what was read whole, and expansion
 * takes what the check of the syntax took. The same bytes as RDATA. */
#include "base/must.h"
#include "filter/name.h"
#include "filter/spf_macro.h"
#include "filter/spf_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand(struct slice spec, enum filter_spf_place place)
{
	static const struct filter_spf_values VALUES = {.sender = {"a-b+c@x.example", 15},
		.local = {"a-b+c", 5},
		.sender_domain = {"x.example", 9},
		.domain = {"y.x.example", 11},
		.helo = {"[192.0.2.1]", 11}};
	AUTO(buf_free) struct buf to = BUF(4096);
	must(filter_spf_expand(spec, place, &VALUES, &to));
	must(to.failed || filter_spf_fit_name(buf_slice(&to)).len <= DNS_NAME_MAX);
}

static void read_record(struct slice text)
{
	struct filter_spf_record record;
	struct filter_spf_term term;
	if (!filter_spf_record_parse(text, &record))
		return;
	if (record.redirect.len > 0)
		expand(record.redirect, FILTER_SPF_IN_DOMAIN);
	if (record.exp.len > 0)
		expand(record.exp, FILTER_SPF_IN_DOMAIN);
	for (struct slice rest = record.terms; filter_spf_next_term(&rest, &term);) {
		must(strchr("+-~?", term.qualifier) && term.bits4 <= 32 && term.bits6 <= 128);
		if (term.domain.len > 0)
			expand(term.domain, FILTER_SPF_IN_DOMAIN);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text = slice(data, size), got;
	if (filter_spf_is_record(text))
		read_record(text);
	if (filter_spf_is_macro_string(text, FILTER_SPF_IN_TEXT))
		expand(text, FILTER_SPF_IN_TEXT);
	if (filter_name_to_ascii(text, &arena, &got))
		must(filter_name_is_valid(got));
	return 0;
}
