/* XCLIENT: what is taken fits on a line. */
#include "base/must.h"
#include "envelope/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	if (!envelope_parse_xclient(slice(data, size), &arena, &x))
		return 0;
	bool any = false;
	for (size_t i = 0; i < ENVELOPE_XCLIENT_ATTRIBUTES; i++) {
		struct slice text = x.is[i].text;
		any |= x.is[i].given;
		must(x.is[i].given || text.len == 0);
		must(slice_find(text, '\r') < 0 && slice_find(text, '\n') < 0 &&
			slice_find(text, '\0') < 0 && text.len <= size);
	}
	must(any);
	return 0;
}
