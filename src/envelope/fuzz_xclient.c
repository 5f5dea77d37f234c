/* XCLIENT: what is taken fits on a line, and is the same when it is said again. */
#include "base/must.h"
#include "envelope/command.h"
#include "envelope/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	if (!envelope_parse_xclient(slice(data, size), &arena, &x))
		return 0;
	bool any = false;
	AUTO(buf_free) struct buf again = BUF(1 << 22);
	struct slice texts[ENVELOPE_XCLIENT_ATTRIBUTES];
	struct envelope_xclient second = {0};
	for (size_t i = 0; i < ENVELOPE_XCLIENT_ATTRIBUTES; i++) {
		struct slice text = x.is[i].text;
		any |= x.is[i].given;
		texts[i] = text;
		must(x.is[i].given || text.len == 0);
		must(slice_find(text, '\r') < 0 && slice_find(text, '\n') < 0 &&
			slice_find(text, '\0') < 0 && text.len <= size);
	}
	must(any);
	if (size > ENVELOPE_ORCPT_MAX - strlen("IPV6:")) /* a value has a length that is taken */
		return 0;
	envelope_write_xclient(texts, UINT32_MAX, &again);
	must(again.len == 0 || envelope_parse_xclient(buf_slice(&again), &arena, &second));
	for (size_t i = 0; i < ENVELOPE_XCLIENT_ATTRIBUTES; i++)
		must(slice_eq(second.is[i].text, texts[i]));
	return 0;
}
