/* Frames from any bytes: each that is read is written back as it was. What parts carry is read as a
 * commit, and comes back the same. */
#include "mirror/frame.h"

#include "base/must.h"

static void try_commit(struct slice bytes)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf again = BUF(MIRROR_MESSAGE_MAX);
	struct mirror_commit commit;
	struct mirror_commit second;
	if (!mirror_commit_read(bytes, &arena, &commit))
		return;
	mirror_commit_add(&again, &commit);
	must(mirror_commit_read(buf_slice(&again), &arena, &second));
	must(second.account_count == commit.account_count);
	must(second.blob_count == commit.blob_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice((const char *)data, size);
	struct mirror_frame frame;
	try_commit(input);
	while (mirror_frame_next(&input, &frame) == 1) {
		AUTO(buf_free) struct buf again = BUF(2 * MIRROR_FRAME_MAX);
		struct mirror_frame second;
		if (frame.type < MIRROR_HELLO || frame.type > MIRROR_PONG)
			continue;
		mirror_frame_add(&again, &frame);
		struct slice rest = buf_slice(&again);
		must(mirror_frame_next(&rest, &second) == 1 && rest.len == 0);
		must(second.type == frame.type && second.number == frame.number);
		must(slice_eq(second.bytes, frame.bytes) && slice_eq(second.why, frame.why));
		if (frame.type == MIRROR_PART)
			try_commit(frame.bytes);
	}
	return 0;
}
