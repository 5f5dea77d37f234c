/* Links of a message, and of its bytes as text: names that can be asked for, each once, few. */
#include "base/must.h"
#include "dns/name.h"
#include "filter/urls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct filter_urls *urls)
{
	must(urls->count <= FILTER_URLS_MAX);
	for (size_t i = 0; i < urls->count; i++) {
		must(urls->names[i].len > 0 && dns_name_is_good(urls->names[i]));
		must(slice_find(urls->names[i], '.') > 0);
		for (size_t j = 0; j < i; j++)
			must(!slice_eq(urls->names[i], urls->names[j]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter_suffixes *suffixes;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_urls urls;
	if (!suffixes)
		suffixes = filter_suffixes_load();
	filter_urls_find(slice(data, size), suffixes, &arena, &urls);
	check(&urls);
	for (int html = 0; html < 2; html++) {
		urls = (struct filter_urls){0};
		filter_urls_scan(slice(data, size), html, suffixes, &arena, &urls);
		check(&urls);
	}
	return 0;
}
