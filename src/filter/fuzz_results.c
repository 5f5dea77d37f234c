/* Authentication-Results: what was read and is written again is read as the same, and stays one
 * field. */
#include "base/must.h"
#include "filter/results.h"
#include "message/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct filter_results *r)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf to = BUF(SIZE_MAX);
	struct filter_results again;
	struct message_field field;
	filter_results_write(r, &to);
	struct slice header = buf_slice(&to);
	must(!to.failed && message_next_field(&header, &field) && header.len == 0);
	must(filter_results_read(field.value, &arena, &again));
	must(again.count == r->count);
	for (size_t i = 0; i < r->count; i++) {
		must(slice_eq(again.list[i].method, r->list[i].method));
		must(slice_eq(again.list[i].result, r->list[i].result));
	}
	must(filter_results_is_ours(field.name, field.value, again.server));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf to = BUF(SIZE_MAX);
	struct filter_results r;
	struct slice text = slice(data, size);
	if (filter_results_read(text, &arena, &r))
		check_again(&r);
	size_t removed = filter_results_remove(text, SLICE("x"), &to);
	must(removed > 0 ? to.len < size : to.len <= size);
	return 0;
}
