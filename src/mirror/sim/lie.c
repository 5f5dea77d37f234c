/* Disks lie about batches, wires about frames. */
#include "mirror/sim/lie.h"

#include "mirror/frame.h"
#include "mirror/rows.h"
#include "store/key.h"
#include "store/row.h"

enum {
	DROPPED_TIMES = 60, /* one batch in so many */
	FLIPPED_TIMES = 40, /* one part of a message */
	SKIPPED = 1000,     /* numbers at once, as no write gives them out */
};

/* Whether an account's change number jumps. */
static bool jumps(const struct store_driver *driver, struct store_db *db, struct slice key,
	struct slice value)
{
	AUTO(buf_free) struct buf was = BUF(SIZE_MAX);
	struct store_account now, before;
	uint64_t collections;
	return driver->get(db, NULL, key, &was, NULL) == 0 &&
	       row_get_account(value, &now, &collections) &&
	       row_get_account(buf_slice(&was), &before, &collections) &&
	       now.change >= before.change + SKIPPED;
}

/* Nothing but numbers that are not to be used. */
static bool skips(
	const struct store_driver *driver, struct store_db *db, const struct store_batch *batch)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad, far = false;
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		if (op != STORE_PUT || (key.ptr[0] != KEY_ACCOUNT && key.ptr[0] != KEY_COLLECTION))
			return false;
		far |= key.ptr[0] == KEY_ACCOUNT && jumps(driver, db, key, value);
	}
	return far;
}

bool sim_lie_drops(struct sim *sim, const struct store_driver *driver, struct store_db *db,
	const struct store_batch *batch)
{
	if (sim->lie == SIM_DROPS)
		return !sim->load_over && sim_once_in(sim->sched, DROPPED_TIMES);
	return sim->lie == SIM_NO_SKIP && skips(driver, db, batch);
}

void sim_lie_undo(const struct store_driver *driver, struct store_db *db,
	const struct store_batch *batch, struct store_batch *to)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad;
	store_batch_free(to);
	store_batch_init(to);
	if (batch->released.len > 0)
		return; /* bodies do not come back */
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		AUTO(buf_free) struct buf was = BUF(SIZE_MAX);
		if (key.ptr[0] == KEY_FORMAT)
			continue;
		if (driver->get(db, NULL, key, &was, NULL) == 0)
			store_batch_put(to, key, buf_slice(&was));
		else
			store_batch_delete(to, key);
	}
}

void sim_lie_leave_out_notes(const struct store_batch *batch, struct store_batch *to)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad;
	buf_add_slice(&to->released, buf_slice(&batch->released));
	while (store_batch_next(&rest, &op, &key, &value, &bad)) {
		if (op == STORE_DELETE)
			store_batch_delete(to, key);
		else if (!mirror_is_note(key) || key.len < KEY_COLLECTION_LEN)
			store_batch_put(to, key, value);
	}
}

/* Cuts the next frame off, whole. */
static bool next_frame(struct slice *rest, struct mirror_frame *ret_frame, struct slice *ret_bytes)
{
	struct slice before = *rest;
	if (mirror_frame_next(rest, ret_frame) <= 0)
		return false;
	*ret_bytes = slice_sub(before, 0, before.len - rest->len);
	return true;
}

static void flip_bits(struct sim_sched *sched, struct buf *frames)
{
	struct slice rest = buf_slice(frames), bytes;
	struct mirror_frame frame;
	while (next_frame(&rest, &frame, &bytes))
		if (frame.type == MIRROR_PART && frame.bytes.len > 0 &&
			sim_once_in(sched, FLIPPED_TIMES)) {
			size_t at = (size_t)(frame.bytes.ptr - frames->data);
			frames->data[at + sim_random(sched, frame.bytes.len)] ^= 1;
		}
}

/* Who wants a lease gets it, and nobody else hears of it. */
static void give_what_is_wanted(struct buf *frames, struct buf *back)
{
	struct slice rest = buf_slice(frames), bytes;
	struct mirror_frame frame;
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	while (next_frame(&rest, &frame, &bytes)) {
		if (frame.type != MIRROR_WANT) {
			buf_add_slice(&out, bytes);
			continue;
		}
		frame.type = MIRROR_GIVE;
		mirror_frame_add(back, &frame);
	}
	buf_add_slice(&out, rest);
	buf_clear(frames);
	buf_add_slice(frames, buf_slice(&out));
}

void sim_lie_frames(struct sim *sim, struct buf *frames, struct buf *back)
{
	if (sim->load_over)
		return;
	if (sim->lie == SIM_FLIPS)
		flip_bits(sim->sched, frames);
	else if (sim->lie == SIM_GENEROUS)
		give_what_is_wanted(frames, back);
}
