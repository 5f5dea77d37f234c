/* The second node's part in settling: it holds an account for the first one, tells its rows, gives
 * and takes bodies, and commits what the account has become. */
#include "mirror/settle_internal.h"

#include "mirror/driver_internal.h"
#include "mirror/stage.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "store/key.h"

static int bad(struct err *err)
{
	return err_permanent(err, ERR_BAD_INPUT, "the request is malformed");
}

/* From now on it is the connection's. False: that is gone, and so is the hold. */
static bool keep_held(struct mirror_connection *c, struct id account)
{
	mirror_node_lock(c->node);
	bool keeps = !c->ended;
	if (keeps)
		mirror_ids_add(&c->held, account);
	mirror_node_unlock(c->node);
	if (!keeps)
		mirror_drop_account(c->node->mirror, account);
	return keeps;
}

/* The hold is the caller's from now on. */
static bool take_held(struct mirror_connection *c, struct id account)
{
	mirror_node_lock(c->node);
	bool had = mirror_ids_take(&c->held, account);
	mirror_node_unlock(c->node);
	return had;
}

static int tell_rows(
	struct mirror_node *node, struct id account, struct buf *answer, struct err *err)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE, notes = MIRROR_ROWS_NONE;
	int r = mirror_mend_load(node, account, &rows, &notes, err);
	if (r == 0) {
		mirror_rows_add_bytes(&rows, answer);
		mirror_rows_add_bytes(&notes, answer);
	}
	mirror_rows_free(&rows);
	mirror_rows_free(&notes);
	return r;
}

static int hold(struct mirror_connection *c, struct id account, struct buf *answer, struct err *err)
{
	bool apart;
	int r = mirror_hold_account(
		c->node->mirror, account, clock_mono_ms() + SETTLE_HOLD_MS, &apart, err);
	if (r < 0)
		return r;
	if (!apart) {
		mirror_drop_account(c->node->mirror, account);
		return err_temporary(err, ERR_BAD_INPUT, "the account is not apart");
	}
	if (!keep_held(c, account))
		return err_temporary(err, ERR_UNAVAILABLE, "the link is down");
	r = tell_rows(c->node, account, answer, err);
	if (r < 0 && take_held(c, account))
		mirror_drop_account(c->node->mirror, account);
	return r;
}

static int tell_roster(
	struct mirror_node *node, struct id account, struct buf *answer, struct err *err)
{
	struct mirror_ids ids = {0};
	int r = settle_roster(node, account, &ids, err);
	for (size_t i = 0; i < ids.count; i++)
		buf_add_slice(answer, id_slice(&ids.list[i]));
	mirror_ids_free(&ids);
	return r;
}

static int release(struct mirror_connection *c, struct id account)
{
	if (take_held(c, account))
		mirror_drop_account(c->node->mirror, account);
	return 0;
}

/* Who asks knows what it can bear, and asks for few. */
static int tell_bodies(
	struct mirror_node *node, struct slice ids, struct buf *answer, struct err *err)
{
	struct id id;
	while (id_cut(&ids, &id))
		if (mirror_stage_add(node->mirror, id, answer, err) < 0)
			return -1;
	return ids.len == 0 ? 0 : bad(err);
}

/* Either ids, of which the absent ones are told, or bodies. */
static int stage(struct mirror_connection *c, struct id account, struct slice rest,
	struct buf *answer, struct err *err)
{
	uint64_t linking = atomic_load(&c->linking);
	struct mirror_ids ids = {0};
	struct slice what;
	size_t count;
	if (!bytes_cut(&rest, 1, &what))
		return bad(err);
	if (what.ptr[0] != 0)
		return mirror_stage_bodies(c->node->mirror, linking, &account, rest, &count, err);
	int r = mirror_ids_read(rest, &ids) ? mirror_stage_ids(c->node->mirror, linking, account,
						      ids.list, ids.count, answer, err)
					    : bad(err);
	mirror_ids_free(&ids);
	return r;
}

/* Only rows of the account, and its notes. */
static bool batch_fits(struct slice batch, struct id account)
{
	struct slice key, value;
	enum store_op op;
	bool wrong = false;
	while (store_batch_next(&batch, &op, &key, &value, &wrong)) {
		struct id owner;
		if (mirror_is_note(key))
			owner = key_account(key);
		else if (!mirror_account_of(key, &owner))
			return false;
		if (!id_eq(owner, account))
			return false;
	}
	return !wrong;
}

static int commit(struct mirror_node *node, struct id account, struct slice rest, struct err *err)
{
	struct slice batch, released;
	struct store_batch rows;
	if (!bytes_cut_counted(&rest, &batch) || !bytes_cut_counted(&rest, &released) ||
		rest.len > 0 || released.len % ID_SIZE != 0 || !batch_fits(batch, account))
		return bad(err);
	store_batch_init(&rows);
	rows.bytes.max = MIRROR_MESSAGE_MAX;
	buf_add_slice(&rows.bytes, batch);
	buf_add_slice(&rows.released, released);
	int r = mirror_stage_settle(node->mirror, account, &rows, err);
	store_batch_free(&rows);
	return r;
}

static int settle(
	struct mirror_connection *c, struct id account, struct slice rest, struct err *err)
{
	struct mirror *mirror = c->node->mirror;
	if (!take_held(c, account))
		return err_temporary(err, ERR_BAD_INPUT, "the account is not held");
	int r = commit(c->node, account, rest, err);
	if (r == 0) {
		mirror_mend_settled(c->node, account);
		mirror_lease_settled(mirror_leases(mirror), account, false);
	}
	mirror_drop_account(mirror, account);
	return r;
}

/* The other node holds its lease, so nobody does here. */
static int part(struct mirror_connection *c, struct id account)
{
	mirror_lease_part(mirror_leases(c->node->mirror), account);
	if (mirror_is_first(c->node->mirror))
		mirror_settle_again(c, account);
	return 0;
}

int mirror_held_serve(struct mirror_connection *c, unsigned message, struct slice bytes,
	struct buf *answer, struct err *err)
{
	struct id account;
	if (message == MIRROR_BODIES)
		return tell_bodies(c->node, bytes, answer, err);
	if (!id_cut(&bytes, &account))
		return bad(err);
	switch (message) {
	case MIRROR_HOLD:
		return hold(c, account, answer, err);
	case MIRROR_ROSTER:
		return tell_roster(c->node, account, answer, err);
	case MIRROR_RELEASE:
		return release(c, account);
	case MIRROR_STAGE:
		return stage(c, account, bytes, answer, err);
	case MIRROR_SETTLE:
		return settle(c, account, bytes, err);
	default:
		return part(c, account);
	}
}

void mirror_held_drop(struct mirror_node *node, struct mirror_ids *held)
{
	for (size_t i = 0; i < held->count; i++)
		mirror_drop_account(node->mirror, held->list[i]);
	mirror_ids_free(held);
}
