/* Two rows a body and account that needs it: a reference, and a note by which it is found again. */
#include "mirror/stage.h"
#include "mirror/driver_internal.h"
#include "mirror/frame.h"

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

static int commit(struct store_db *m, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t count, struct err *err)
{
	struct store_apply apply = {.accounts = &STORE_STAGING_ACCOUNT,
		.account_count = 1,
		.batch = batch,
		.blobs = blobs,
		.blob_count = count};
	return store_apply(m->store, m->inner, m->db, &apply, err);
}

/* Inside the gate, which a meeting shuts before it drops what is staged. Never waits there: who
 * holds an account is inside already. */
static int commit_linked(struct store_db *m, uint64_t linking, const struct store_batch *batch,
	const struct store_new_blob *blobs, size_t count, struct err *err)
{
	if (!mirror_gate_enter(&m->gate, clock_mono_ms()))
		return err_temporary(err, ERR_UNAVAILABLE, "the link is over");
	int r = atomic_load(&m->leases.epoch) == linking
			? commit(m, batch, blobs, count, err)
			: err_temporary(err, ERR_UNAVAILABLE, "the link is over");
	mirror_gate_leave(&m->gate);
	return r;
}

int mirror_stage_ids(struct mirror *mirror, uint64_t linking, struct id account,
	const struct id *ids, size_t count, struct buf *ret_absent, struct err *err)
{
	struct store_db *m = (struct store_db *)mirror;
	struct store_batch batch;
	if (count == 0)
		return 0;
	store_batch_init(&batch);
	for (size_t i = 0; i < count; i++) {
		struct key ref, note;
		keys_of(account, ids[i], &ref, &note);
		store_batch_put(&batch, key_slice(&ref), SLICE_NONE);
		store_batch_put(&batch, key_slice(&note), SLICE_NONE);
	}
	int r = commit_linked(m, linking, &batch, NULL, 0, err);
	store_batch_free(&batch);
	for (size_t i = 0; r == 0 && i < count; i++) {
		uint64_t len;
		r = m->inner->blob_len(m->db, ids[i], &len, err);
		if (r == STORE_ABSENT) {
			buf_add_slice(ret_absent, id_slice(&ids[i]));
			r = 0;
		}
	}
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

int mirror_stage_bodies(struct mirror *mirror, uint64_t linking, struct slice bytes,
	size_t *ret_count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	size_t cap = bytes.len / (ID_SIZE + 1) + 1, count = 0;
	struct store_new_blob *blobs = ARENA_ARRAY(&arena, struct store_new_blob, cap);
	struct store_batch batch;
	while (bytes.len > 0)
		if (!cut_body(&bytes, &blobs[count++]))
			return err_temporary(err, ERR_BAD_INPUT, "bodies that do not parse");
	store_batch_init(&batch);
	int r = commit_linked((struct store_db *)mirror, linking, &batch, blobs, count, err);
	store_batch_free(&batch);
	*ret_count = count;
	return r;
}

int mirror_stage_add(struct mirror *mirror, struct id blob, struct buf *to, struct err *err)
{
	struct store_db *m = (struct store_db *)mirror;
	AUTO(buf_free) struct buf body = BUF(ONE_BODY_MAX);
	int r = m->inner->blob_read(m->db, blob, 0, UINT64_MAX, &body, err);
	if (r != 0)
		return r;
	buf_add_slice(to, id_slice(&blob));
	bytes_add_counted(to, buf_slice(&body));
	return 0;
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
		r = commit(m, &batch, NULL, 0, err);
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
