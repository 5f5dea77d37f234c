/* Three steps: looking, which makes gaps of what can't be read; meeting and settling, as ever; and
 * when that is over, what belongs to no account, and references from bodies to objects, which are
 * not sent with rows. */
#include "mirror/mend.h"

#include "mirror/driver_internal.h"
#include "mirror/node_internal.h"

#include "base/clock.h"
#include "store/key.h"
#include "store/row.h"

enum {
	AGAIN_MS = 10 * 60 * 1000, /* after nothing was found, or it failed */
	SOON_MS = 1000,
	HOLD_MS = 30 * 1000,
};
static const struct slice FIRST = {"\x22", 1}, REFS = {"r", 1}, END = {"\xff", 1};

static const struct store_mending *mending(const struct mirror_node *node)
{
	return mirror_node_db((struct mirror_node *)node)->inner->mending;
}

static struct store_db *inner_db(const struct mirror_node *node)
{
	return mirror_node_db((struct mirror_node *)node)->db;
}

struct store_driver mirror_mend_reader(const struct mirror_node *node)
{
	struct store_driver reader = *mirror_node_db((struct mirror_node *)node)->inner;
	if (reader.mending)
		reader.scan = reader.mending->scan;
	return reader;
}

bool mirror_mend_is_left(const struct mirror_node *node)
{
	const struct store_mending *m = mending(node);
	return m && m->has_gap(inner_db(node), FIRST, END);
}

/* Rows say their version each, so which one the store has need not be read. */
static int put_format(struct store_db *m, struct err *err)
{
	const char version = ROW_VERSION;
	struct store_batch batch;
	struct store_txn *txn;
	struct key key;
	int r = m->inner->begin(m->db, &STORE_SYSTEM_ACCOUNT, 1, &txn, err);
	if (r < 0)
		return r;
	key_of_tag(&key, KEY_FORMAT);
	store_batch_init(&batch);
	store_batch_put(&batch, key_slice(&key), slice(&version, 1));
	r = m->inner->commit(txn, &batch, NULL, 0, err);
	store_batch_free(&batch);
	return r;
}

static int get_format(struct store_db *m, struct err *err)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key key;
	key_of_tag(&key, KEY_FORMAT);
	return m->inner->get(m->db, NULL, key_slice(&key), &row, err);
}

int mirror_mend_format(struct store_db *m, struct err *err)
{
	int r = m->inner->mending ? get_format(m, err) : 0;
	if (r >= 0 || err->kind != ERR_DAMAGED)
		return MIN(r, 0);
	r = m->inner->mending->salvage(m->db, err);
	return r < 0 ? r : put_format(m, err);
}

/* Makes gaps of what can't be read. STORE_ABSENT: everything can, but what is a gap already. */
static int look(struct mirror_node *node, struct err *err)
{
	struct store_db *m = mirror_node_db(node);
	if (!m->inner->mending)
		return STORE_ABSENT;
	int r = m->inner->mending->salvage(m->db, err);
	return r == 0 ? mirror_mend_format(m, err) : r;
}

int mirror_mend_look(struct mirror_node *node, struct err *err)
{
	int r = look(node, err);
	return r == STORE_ABSENT ? -1 : r; /* *err is as it was */
}

static bool has_gap(const struct mirror_node *node, enum key_tag tag, struct id account)
{
	struct key from, to;
	key_of_account(&from, tag, account);
	to = from;
	key_to_end(&to);
	return mending(node)->has_gap(inner_db(node), key_slice(&from), key_slice(&to));
}

static bool is_hurt(const struct mirror_node *node, struct id account)
{
	for (size_t i = 0; i < MIRROR_ROW_TAGS; i++)
		if (has_gap(node, mirror_row_tags[i], account))
			return true;
	return has_gap(node, KEY_BASE, account) || has_gap(node, KEY_OFFER, account);
}

int mirror_mend_accounts(struct mirror_node *node, struct mirror_accounts *to, struct err *err)
{
	struct store_db *m = mirror_node_db(node);
	struct store_driver reader = mirror_mend_reader(node);
	int r = mirror_accounts_load(&reader, m->db, to, err);
	if (r < 0 && err->kind == ERR_DAMAGED && look(node, err) == 0) {
		mirror_accounts_free(to);
		r = mirror_accounts_load(&reader, m->db, to, err);
	}
	if (r < 0 || !mirror_mend_is_left(node))
		return r;
	for (size_t i = 0; i < to->count; i++)
		to->list[i].noted |= is_hurt(node, to->list[i].id);
	mirror_node_lock(node);
	node->mend.met = true;
	mirror_node_unlock(node);
	return 0;
}

static int load(const struct store_driver *driver, struct store_db *db, struct id account,
	struct mirror_rows *rows, struct mirror_rows *notes, struct err *err)
{
	int r = mirror_rows_load(driver, db, NULL, account, rows, err);
	return r < 0 ? r : mirror_rows_load_notes(driver, db, NULL, account, notes, err);
}

int mirror_mend_load(struct mirror_node *node, struct id account, struct mirror_rows *rows,
	struct mirror_rows *notes, struct err *err)
{
	struct store_db *m = mirror_node_db(node);
	struct store_driver reader = mirror_mend_reader(node);
	struct key key;
	int r = load(m->inner, m->db, account, rows, notes, err);
	if (r == 0 || err->kind != ERR_DAMAGED || !reader.mending)
		return r;
	if (!is_hurt(node, account)) {
		atomic_store(&m->hurt, true);
		return r;
	}
	mirror_rows_free(rows);
	mirror_rows_free(notes);
	r = load(&reader, m->db, account, rows, notes, err);
	key_of_account(&key, KEY_ACCOUNT, account);
	if (r == 0 && !mirror_rows_find(rows, key_slice(&key)))
		mirror_rows_free(notes); /* or it would look deleted */
	return r;
}

void mirror_mend_judge(const struct mirror_rows *rows, struct model *model)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->list[i].key.ptr[0] == KEY_SWEEP)
			return;
	model->sweeping = false;
}

/* True: there was a gap. */
static bool forget(struct mirror_node *node, enum key_tag tag, struct id account)
{
	struct key from, to;
	struct err err;
	key_of_account(&from, tag, account);
	to = from;
	key_to_end(&to);
	int r = mending(node)->forget(inner_db(node), key_slice(&from), key_slice(&to), &err);
	if (r < 0)
		log_warn(NULL, "gap not closed", F_ERR(&err));
	return r == 0;
}

void mirror_mend_settled(struct mirror_node *node, struct id account)
{
	char text[ID_TEXT_SIZE + 1];
	bool any = false;
	if (!mirror_mend_is_left(node))
		return;
	for (size_t i = 0; i < MIRROR_ROW_TAGS; i++)
		any |= forget(node, mirror_row_tags[i], account);
	any |= forget(node, KEY_BASE, account);
	any |= forget(node, KEY_OFFER, account);
	if (!any)
		return;
	id_to_text(account, text);
	log_warn(NULL, "rows that could not be read have come from the other node",
		F_STR("account", text));
	mirror_node_lock(node);
	node->mend.accounts++;
	mirror_node_unlock(node);
}

struct referring {
	struct store_db *m;
	struct store_batch *to;
	struct buf row; /* scratch */
};

static bool refer(void *context, struct slice key, struct slice value)
{
	struct referring *r = context;
	struct store_object object;
	struct key ref;
	struct err err;
	if (key.len != KEY_OBJECT_LEN || !row_get_object(value, &object) || id_is_none(object.blob))
		return true;
	key_of_ref(&ref, object.blob, key_account(key), key_collection(key), key_number(key));
	if (r->m->inner->get(r->m->db, NULL, key_slice(&ref), &r->row, &err) != 0)
		store_batch_put(r->to, key_slice(&ref), SLICE_NONE);
	return true;
}

static int put_references(struct mirror_node *node, struct id account, struct err *err)
{
	struct store_db *m = mirror_node_db(node);
	struct store_batch batch;
	struct referring referring = {m, &batch, BUF(1)};
	struct store_apply apply = {.accounts = &account, .account_count = 1, .batch = &batch};
	struct key from, to;
	key_of_account(&from, KEY_OBJECT, account);
	to = from;
	key_to_end(&to);
	store_batch_init(&batch);
	batch.bytes.max = MIRROR_MESSAGE_MAX;
	int r = m->inner->scan(
		m->db, NULL, key_slice(&from), key_slice(&to), false, refer, &referring, err);
	if (r == 0 && batch.bytes.failed)
		r = err_temporary(err, ERR_LIMIT, "an account of too many objects");
	if (r == 0 && batch.bytes.len > 0)
		r = store_apply(m->store, m->inner, m->db, &apply, err);
	store_batch_free(&batch);
	return r;
}

static bool take_account(void *context, const struct store_account *account)
{
	mirror_ids_add(context, account->id);
	return true;
}

static int put_all_references(struct mirror_node *node, struct err *err)
{
	struct mirror_ids accounts = {0};
	int r = store_list_accounts(node->store, take_account, &accounts, err);
	for (size_t i = 0; r == 0 && i < accounts.count; i++) {
		bool apart;
		r = mirror_hold_account(
			node->mirror, accounts.list[i], clock_mono_ms() + HOLD_MS, &apart, err);
		if (r < 0)
			break;
		r = put_references(node, accounts.list[i], err);
		mirror_drop_account(node->mirror, accounts.list[i]);
	}
	mirror_ids_free(&accounts);
	return r;
}

/* What both nodes know is settled; the rest of the gaps belongs to nobody. */
static int finish(struct mirror_node *node, struct err *err)
{
	const struct store_mending *m = mending(node);
	struct store_db *db = inner_db(node);
	int r = m->forget(db, FIRST, REFS, err);
	if (r >= 0 && m->has_gap(db, REFS, END))
		r = put_all_references(node, err);
	if (r >= 0)
		r = m->forget(db, REFS, END, err);
	if (r >= 0)
		log_warn(NULL, "the key index is whole again");
	return MIN(r, 0);
}

/* Under node.lock. */
static bool is_settled(const struct mirror_node *node)
{
	return node->current->settling == 0 && node->current->unsettled.count == 0 &&
	       mirror_figures(node->mirror).leases.apart == 0;
}

/* Under node.lock. */
static bool is_to_look(const struct mirror_node *node, int64_t now)
{
	return now >= node->mend.look_ms &&
	       atomic_load(&mirror_node_db((struct mirror_node *)node)->hurt);
}

bool mirror_mend_is_due(struct mirror_node *node, int64_t now)
{
	struct mirror_mend *mend = &node->mend;
	const struct mirror_connection *c = node->current;
	if (mend->busy || !c || !c->linked || c->ended)
		return false;
	mend->busy =
		is_to_look(node, now) || (mend->met && now >= mend->end_ms && is_settled(node));
	return mend->busy;
}

static void cut_link(struct mirror_node *node)
{
	struct mirror_connection *c = mirror_connection_current(node);
	struct err why;
	if (!c)
		return;
	(void)err_temporary(&why, ERR_DAMAGED, "rows can't be read at one of the nodes");
	mirror_connection_cut(c, &why);
	mirror_connection_unref(c);
}

static void complain(const struct err *err)
{
	log_error(NULL, "rows can't be read, and are not mended", F_ERR(err));
}

static void look_and_meet(struct mirror_node *node)
{
	struct err err = {0};
	atomic_store(&mirror_node_db(node)->hurt, false);
	int r = look(node, &err);
	mirror_node_lock(node);
	/* Upkeep may have made gaps since the two met. */
	bool meets = r == 0 || (r > 0 && !node->mend.met && mirror_mend_is_left(node));
	if (meets) {
		node->mend.met = false;   /* not since then */
		mirror_scrub_again(node); /* where bodies lie may be among it */
	}
	node->mend.look_ms = clock_mono_ms() + (meets ? SOON_MS : AGAIN_MS);
	mirror_node_unlock(node);
	if (meets)
		cut_link(node);
	else if (r < 0)
		complain(&err);
}

static void end(struct mirror_node *node)
{
	struct err err = {0};
	int r = finish(node, &err);
	if (r < 0)
		complain(&err);
	else
		atomic_store(&mirror_node_db(node)->hurt, false);
	mirror_node_lock(node);
	node->mend.met = r < 0;
	node->mend.end_ms = clock_mono_ms() + SOON_MS;
	mirror_node_unlock(node);
}

void mirror_mend_run(void *context)
{
	struct mirror_node *node = context;
	mirror_node_lock(node);
	bool looks = is_to_look(node, clock_mono_ms());
	mirror_node_unlock(node);
	if (looks)
		look_and_meet(node);
	else
		end(node);
	mirror_node_lock(node);
	node->mend.busy = false;
	mirror_node_unlock(node);
}
