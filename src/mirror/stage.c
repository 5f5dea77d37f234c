/* Two rows a body: a reference, and a note by which it is found again. */
#include "mirror/stage.h"
#include "mirror/driver_internal.h"

#include "base/clock.h"
#include "store/key.h"

enum { CLEARED_AT_ONCE = 10000 };

static void keys_of(struct id account, struct id blob, struct key *ret_ref, struct key *ret_note)
{
	key_of_ref(ret_ref, blob, STORE_STAGING_ACCOUNT, account, 0);
	key_of_collection(ret_note, KEY_BASE, STORE_STAGING_ACCOUNT, blob);
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
		store_batch_put(&batch, key_slice(&note), id_slice(&account));
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

int mirror_stage_bodies(struct mirror *mirror, uint64_t linking, const struct store_new_blob *blobs,
	size_t count, struct err *err)
{
	struct store_batch batch;
	store_batch_init(&batch);
	int r = commit_linked((struct store_db *)mirror, linking, &batch, blobs, count, err);
	store_batch_free(&batch);
	return r;
}

static void drop(struct id account, struct id blob, struct store_batch *to)
{
	struct key ref, note;
	keys_of(account, blob, &ref, &note);
	store_batch_delete(to, key_slice(&ref));
	store_batch_delete(to, key_slice(&note));
	store_batch_release(to, blob);
}

/* A note's account; false: it is none. */
static bool read_note(struct slice key, struct slice value, struct id *ret_account)
{
	if (key.len != KEY_COLLECTION_LEN || value.len != ID_SIZE)
		return false;
	memcpy(ret_account->bytes, value.ptr, ID_SIZE);
	return true;
}

static int scan_notes(struct store_db *m,
	bool (*visit)(void *context, struct slice key, struct slice value), void *context,
	struct err *err)
{
	struct key from, to;
	key_of_account(&from, KEY_BASE, STORE_STAGING_ACCOUNT);
	to = from;
	key_to_end(&to);
	return m->inner->scan(
		m->db, NULL, key_slice(&from), key_slice(&to), false, visit, context, err);
}

struct dropping {
	struct id account;
	struct store_batch *to;
};

static bool drop_one(void *context, struct slice key, struct slice value)
{
	const struct dropping *d = context;
	struct id account;
	if (read_note(key, value, &account) && id_eq(account, d->account))
		drop(account, key_collection(key), d->to);
	return true;
}

int mirror_stage_drop(
	struct mirror *mirror, struct id account, struct store_batch *to, struct err *err)
{
	struct dropping dropping = {account, to};
	return scan_notes((struct store_db *)mirror, drop_one, &dropping, err);
}

struct clearing {
	struct store_batch batch;
	size_t count;
};

static bool clear_one(void *context, struct slice key, struct slice value)
{
	struct clearing *c = context;
	struct id account;
	if (!read_note(key, value, &account))
		return true;
	drop(account, key_collection(key), &c->batch);
	return ++c->count < CLEARED_AT_ONCE;
}

static int clear_some(struct store_db *m, size_t *ret_count, struct err *err)
{
	struct clearing c = {.count = 0};
	store_batch_init(&c.batch);
	int r = scan_notes(m, clear_one, &c, err);
	if (r == 0 && c.count > 0)
		r = commit(m, &c.batch, NULL, 0, err);
	store_batch_free(&c.batch);
	*ret_count = c.count;
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
