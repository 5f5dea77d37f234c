/* Frames of a milter: cut anywhere they are the same, and whatever changes they bring, what comes
 * out is a header that ends where it should. */
#include "base/must.h"
#include "filter/milter_changes.h"
#include "message/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(const struct filter_milter_changes *c)
{
	static const struct slice MESSAGE = {"A: 1\r\nB: 2\r\n c\r\nA: 3\r\n\r\nbody", 28};
	AUTO(buf_free) struct buf to = BUF(SIZE_MAX);
	struct slice body;
	if (!filter_milter_apply(c, MESSAGE, &to, &body))
		return;
	must(!to.failed && message_header_len(buf_slice(&to)) == to.len);
	must(slice_ends(buf_slice(&to), SLICE("\r\n")));
	must(c->body_replaced || slice_eq(body, SLICE("body")));
}

/* Until a frame is whole there is more to come. */
static void check_cut(struct slice from, size_t len)
{
	struct filter_milter_frame frame;
	for (size_t cut = 0; cut < MIN(len, (size_t)20); cut++) {
		struct slice part = slice_sub(from, 0, cut);
		must(filter_milter_cut_frame(&part, &frame) == 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_milter_changes changes = {.body = BUF(10000)};
	struct slice rest = slice(data, size), from = rest;
	struct filter_milter_frame frame;
	struct filter_milter_negotiation n;
	struct filter_milter_reply reply;
	for (; filter_milter_cut_frame(&rest, &frame) == 0; from = rest) {
		check_cut(from, from.len - rest.len);
		(void)!filter_milter_read_negotiation(frame.data, &n);
		if (!filter_milter_read_reply(&frame, &reply))
			continue;
		must(reply.code == 0 || (reply.code >= 400 && reply.code < 600));
		if (!filter_milter_changes_take(&changes, &reply, &arena))
			break;
	}
	apply(&changes);
	filter_milter_changes_free(&changes);
	return 0;
}
