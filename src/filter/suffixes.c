/* libpsl, which knows the list's rules. */
#include "filter/suffixes.h"

#include "base/alloc.h"
#include "dns/name.h"

#include <libpsl.h>

struct filter_suffixes {
	psl_ctx_t *list;
};

struct filter_suffixes *filter_suffixes_load(void)
{
	struct filter_suffixes *s = ALLOC(struct filter_suffixes);
	s->list = psl_latest(NULL);
	return s;
}

void filter_suffixes_free(struct filter_suffixes *s)
{
	if (s)
		psl_free(s->list);
	free(s);
}

struct slice filter_suffixes_registered(const struct filter_suffixes *s, struct slice name)
{
	char text[DNS_NAME_MAX + 1];
	if (name.len == 0 || name.len > DNS_NAME_MAX)
		return SLICE("");
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	const char *part = psl_registrable_domain(s->list, text);
	return part ? slice_from(name, (size_t)(part - text)) : SLICE("");
}
