/* Who reads an account is shown what is on both disks, and all that was shown to anybody before.
 *
 * A commit may be seen here before the other disk has it, and there before this disk has it. So who
 * begins to read waits for the one that is under way, and once more for what he has read.
 *
 * A node that comes back has accounts as they were when it went. Who asks for one of them waits
 * until it is what it has become at the other node: else a client that is led from one to the other
 * would see what is past, and a write here would give out numbers that clients of the other node
 * have already, which that one's messages would lose.
 *
 * One that this node has written to since they parted, as long as it served alone, is no better for
 * waiting: its clients know it as it is here. */
#include "mirror/driver_internal.h"

#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

enum {
	LOOK_MS = 10,
	LOOKING_MS = 30 * 1000, /* as long as a write waits at the gate */
};

static int get(struct store_db *m, enum key_tag tag, struct id account, struct buf *ret_row)
{
	struct key key;
	struct err err;
	key_of_account(&key, tag, account);
	return m->inner->get(m->db, NULL, key_slice(&key), ret_row, &err);
}

/* Since they parted. The first node's notes are there before it has written anything, when it
 * settles the account. Who can't tell does not wait. */
static bool has_written(struct store_db *m, struct id account)
{
	AUTO(buf_free) struct buf base = BUF(SIZE_MAX), row = BUF(SIZE_MAX);
	struct mirror_parted parted;
	struct store_account known = {.change = 0};
	uint64_t collections;
	int r = get(m, KEY_BASE, account, &base);
	if (r == STORE_ABSENT)
		return false;
	if (r < 0 || !mirror_parted_read(buf_slice(&base), &parted))
		return true;
	r = get(m, KEY_ACCOUNT, account, &row);
	if (r < 0 || (r == 0 && !row_get_account(buf_slice(&row), &known, &collections)))
		return true;
	return known.change > parted.change;
}

static void look_again_later(int64_t until)
{
	wait_pause(MIN(until, clock_mono_ms() + LOOK_MS));
}

void mirror_await_settled(struct store_db *m, struct id account)
{
	if (!atomic_load(&m->paired))
		return;
	int64_t until = atomic_load(&m->linked_ms) + MIRROR_CATCHING_UP_MS;
	while (mirror_lease_is_unsettled(&m->leases, account) && clock_mono_ms() < until &&
		!has_written(m, account))
		look_again_later(until);
}

void mirror_catch_up(struct store_db *m, struct id account)
{
	if (!atomic_load(&m->paired))
		return;
	int64_t until = clock_mono_ms() + LOOKING_MS;
	while (atomic_load(&m->looking) && clock_mono_ms() < until)
		look_again_later(until);
	mirror_await_settled(m, account);
	mirror_lease_await_commit(&m->leases, account, until);
}

void mirror_set_looking(struct mirror *mirror, bool looking)
{
	atomic_store(&((struct store_db *)mirror)->looking, looking);
}
