/* Two rows a body and account that needs it: a reference, and a note by which it is found again. */
#include "mirror/stage.h"
#include "mirror/driver_internal.h"
#include "mirror/frame.h"
#include "mirror/ids.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "store/key.h"

enum {
	CLEARED_AT_ONCE = 10000,
	ONE_BODY_MAX = MIRROR_MESSAGE_MAX / 2,
	NOTE_LEN = KEY_COLLECTION_LEN + ID_SIZE, /* account of all, account, body */
};
_Static_assert(NOTE_LEN <= (int)KEY_SIZE_MAX, "a note is a key");

static void keys_of(struct id account, struct id blob, struct key *ret_ref, struct key *ret_note)
{
	key_of_ref(ret_ref, blob, STORE_STAGING_ACCOUNT, account, 0);
	key_of_collection(ret_note, KEY_BASE, STORE_STAGING_ACCOUNT, account);
	memcpy(ret_note->bytes + ret_note->len, blob.bytes, ID_SIZE);
	ret_note->len += ID_SIZE;
}

static int commit(struct store_db *m, const struct store_batch *batch, struct err *err)
{
	struct store_apply apply = {
		.accounts = &STORE_STAGING_ACCOUNT, .account_count = 1, .batch = batch};
	return store_apply(m->store, m->inner, m->db, &apply, err);
}

/* Without the staging account's lock, so that bodies of several pieces are synced together: what
 * one piece puts no other one does, and it is dropped when all have come. */
static int commit_bodies(struct store_db *m, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t count, struct err *err)
{
	struct store_apply apply = {.batch = batch, .blobs = blobs, .blob_count = count};
	return store_apply(m->store, m->inner, m->db, &apply, err);
}

/* Inside the gate, which a meeting shuts before it drops what is staged. Never waits there: who
 * holds an account is inside already. */
static int commit_linked(struct store_db *m, uint64_t linking, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t count, struct err *err)
{
	if (!mirror_gate_enter(&m->gate, clock_mono_ms()))
		return err_temporary(err, ERR_UNAVAILABLE, "the link is over");
	int r = atomic_load(&m->leases.epoch) != linking
			? err_temporary(err, ERR_UNAVAILABLE, "the link is over")
		: count > 0 ? commit_bodies(m, batch, blobs, count, err)
			    : commit(m, batch, err);
	mirror_gate_leave(&m->gate);
	return r;
}

static void refer(struct store_batch *batch, struct id account, struct id blob)
{
	struct key ref, note;
	keys_of(account, blob, &ref, &note);
	store_batch_put(batch, key_slice(&ref), SLICE_NONE);
	store_batch_put(batch, key_slice(&note), SLICE_NONE);
}

/* Parts them. */
static int sift(struct store_db *m, const struct id *ids, size_t count, struct mirror_ids *here,
	struct buf *ret_absent, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t len;
		int r = m->inner->blob_len(m->db, ids[i], &len, err);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			buf_add_slice(ret_absent, id_slice(&ids[i]));
		else
			mirror_ids_add(here, ids[i]);
	}
	return 0;
}

/* Those that are absent are referred to when they come. The others may go as long as they are not,
 * so it is looked again. */
int mirror_stage_ids(struct mirror *mirror, uint64_t linking, struct id account,
	const struct id *ids, size_t count, struct buf *ret_absent, struct err *err)
{
	struct store_db *m = (struct store_db *)mirror;
	struct mirror_ids here = {0}, stay = {0};
	struct store_batch batch;
	int r = sift(m, ids, count, &here, ret_absent, err);
	store_batch_init(&batch);
	for (size_t i = 0; i < here.count; i++)
		refer(&batch, account, here.list[i]);
	if (r == 0 && here.count > 0)
		r = commit_linked(m, linking, &batch, NULL, 0, err);
	if (r == 0)
		r = sift(m, here.list, here.count, &stay, ret_absent, err);
	store_batch_free(&batch);
	mirror_ids_free(&here);
	mirror_ids_free(&stay);
	return r;
}

static bool cut_body(struct slice *rest, struct store_new_blob *ret_blob)
{
	struct slice id;
	if (!bytes_cut(rest, ID_SIZE, &id) || !bytes_cut_counted(rest, &ret_blob->bytes))
		return false;
	memcpy(ret_blob->id.bytes, id.ptr, ID_SIZE);
	return true;
}

/* SIZE_MAX: they do not parse. */
static size_t count_bodies(struct slice bytes)
{
	struct store_new_blob blob;
	size_t count = 0;
	for (; bytes.len > 0; count++)
		if (!cut_body(&bytes, &blob))
			return SIZE_MAX;
	return count;
}

int mirror_stage_bodies(struct mirror *mirror, uint64_t linking, const struct id *account,
	struct slice bytes, size_t *ret_count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_batch batch;
	size_t count = count_bodies(bytes);
	if (count == SIZE_MAX)
		return err_temporary(err, ERR_BAD_INPUT, "bodies that do not parse");
	*ret_count = count;
	if (count == 0)
		return 0;
	struct store_new_blob *blobs = ARENA_ARRAY(&arena, struct store_new_blob, count);
	store_batch_init(&batch);
	for (size_t i = 0; i < count && cut_body(&bytes, &blobs[i]); i++)
		if (account)
			refer(&batch, *account, blobs[i].id);
	int r = commit_linked((struct store_db *)mirror, linking, &batch, blobs, count, err);
	store_batch_free(&batch);
	return r;
}

int mirror_stage_add(struct mirror *mirror, struct id blob, struct buf *to, struct err *err)
{
	struct store_db *m = (struct store_db *)mirror;
	size_t before = to->len;
	uint64_t len;
	int r = m->inner->blob_len(m->db, blob, &len, err);
	if (r != 0)
		return r;
	buf_add_slice(to, id_slice(&blob));
	bytes_add_varint(to, len);
	if (len <= ONE_BODY_MAX)
		r = m->inner->blob_read(m->db, blob, 0, len, to, err);
	else
		r = err_permanent(err, ERR_LIMIT, "a body is too large for the mirror");
	if (r != 0)
		to->len = before;
	return r;
}

struct dropping {
	struct store_batch *to;
	size_t count, most;
};

static bool drop_one(void *context, struct slice key, struct slice value)
{
	struct dropping *d = context;
	struct key ref, note;
	if (key.len != NOTE_LEN)
		return true;
	struct id blob = key_id_at(key, KEY_COLLECTION_LEN);
	keys_of(key_collection(key), blob, &ref, &note);
	store_batch_delete(d->to, key_slice(&ref));
	store_batch_delete(d->to, key_slice(&note));
	store_batch_release(d->to, blob);
	return ++d->count < d->most;
}

/* Of all notes whose keys begin like this. */
static int drop(struct store_db *m, const struct key *notes, struct dropping *d, struct err *err)
{
	const struct store_mending *mending = m->inner->mending;
	struct key to = *notes;
	key_to_end(&to);
	/* A note that can't be read leaves its body where it is, no more. */
	return (mending ? mending->scan : m->inner->scan)(
		m->db, NULL, key_slice(notes), key_slice(&to), false, drop_one, d, err);
}

int mirror_stage_settle(
	struct mirror *mirror, struct id account, struct store_batch *rows, struct err *err)
{
	struct store_db *m = (struct store_db *)mirror;
	const struct id accounts[] = {STORE_STAGING_ACCOUNT, account};
	struct store_apply apply = {
		.accounts = accounts, .account_count = ARRAY_LEN(accounts), .batch = rows};
	struct dropping dropping = {.to = rows, .most = SIZE_MAX};
	struct key notes;
	key_of_collection(&notes, KEY_BASE, STORE_STAGING_ACCOUNT, account);
	int r = drop(m, &notes, &dropping, err);
	if (r < 0)
		return r;
	if (rows->bytes.failed || rows->released.failed)
		return err_permanent(err, ERR_LIMIT, "the account is too large for one write");
	if (rows->bytes.len == 0)
		return 0;
	return store_apply(m->store, m->inner, m->db, &apply, err);
}

static int clear_some(struct store_db *m, size_t *ret_count, struct err *err)
{
	struct store_batch batch;
	struct dropping dropping = {.to = &batch, .most = CLEARED_AT_ONCE};
	struct key notes;
	key_of_account(&notes, KEY_BASE, STORE_STAGING_ACCOUNT);
	store_batch_init(&batch);
	int r = drop(m, &notes, &dropping, err);
	if (r == 0 && dropping.count > 0)
		r = commit(m, &batch, err);
	store_batch_free(&batch);
	*ret_count = dropping.count;
	return r;
}

int mirror_stage_clear(struct mirror *mirror, struct err *err)
{
	size_t count = CLEARED_AT_ONCE;
	int r = 0;
	while (r == 0 && count == CLEARED_AT_ONCE)
		r = clear_some((struct store_db *)mirror, &count, err);
	return r;
}
