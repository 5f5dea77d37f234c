/* A DMARC record, and the bytes as a header whose authors are looked for. */
#include "base/must.h"
#include "filter/dmarc.h"
#include "filter/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_dmarc_record r;
	struct slice text = slice(data, size), domains[FILTER_DMARC_AUTHORS_MAX], address;
	size_t count;
	if (filter_dmarc_record_parse(text, &r)) {
		must(r.sp == r.p || r.has_sp);
		must(r.fo.len > 0);
		while (filter_dmarc_next_address(&r.rua, &address))
			must(slice_find(address, '@') > 0);
	}
	if (filter_dmarc_authors(text, &arena, domains, &count))
		for (size_t i = 0; i < count; i++)
			must(filter_name_is_valid(domains[i]));
	return 0;
}
