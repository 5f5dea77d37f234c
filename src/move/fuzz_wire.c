/* Frames, requests, bodies, refusals and marks from any bytes: what is read is written back as it
 * was. */
#include "move/mark.h"
#include "move/wire.h"

#include "base/must.h"

static void try_request(unsigned type, struct slice bytes)
{
	AUTO(buf_free) struct buf again = BUF(1 << 20);
	struct move_request q, second;
	struct slice body;
	struct id blob;
	if (!move_request_read(type, bytes, &q))
		return;
	move_request_write(&q, &again);
	must(!again.failed && move_request_read(type, buf_slice(&again), &second));
	must(slice_eq(second.user, q.user) && slice_eq(second.rest, q.rest));
	must(second.bytes == q.bytes && second.digest == q.digest && second.rows == q.rows);
	for (struct slice rest = q.rest; move_body_next(&rest, &blob, &body) == 1;)
		must(body.len <= q.rest.len);
}

static void try_mark(struct slice bytes)
{
	AUTO(buf_free) struct buf again = BUF(1 << 20);
	struct move_mark mark, second;
	if (!move_mark_read(bytes, &mark))
		return;
	move_mark_write(&mark, &again);
	must(move_mark_read(buf_slice(&again), &second));
	must(second.state == mark.state && slice_eq(second.at, mark.at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice((const char *)data, size);
	struct move_frame frame;
	struct err err;
	try_mark(input);
	(void)!move_refusal_read(input, &err);
	while (move_frame_next(&input, &frame) == 1)
		try_request(frame.type, frame.bytes);
	return 0;
}
