/* The arguments of ID. */
#include "imap/id.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct imap_parser p = {.rest = arena_copy(&arena, slice(data, size)), .arena = &arena};
	struct imap_id id;
	struct net_origin origin;
	if (imap_parse_id(&p, &id)) {
		must(p.rest.len == 0 && id.origin.client.len + id.origin.session.len <= size);
		must(!id.has_origin || !net_origin_read(&id.origin, &origin) ||
			(origin.client.len > 0) == (id.origin.client.len > 0));
	} else {
		must(p.error);
	}
	buf_free(&id.said);
	return 0;
}
