/* Before-images: the first change of a row since the nodes parted keeps what the row was. */
#include "mirror/alone.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "store/key.h"
#include "store/row.h"

enum { BASE_VERSION = 1, OFFERED = 1, TAKEN = 2 };

/* Change numbers of an account; 0: none. What was changed later need not be kept. */
struct until {
	uint64_t parted, offered;
};

struct note {
	const struct id *accounts;
	struct until *until; /* of each */
	size_t count;
	const struct store_driver *driver;
	struct store_db *db;
	struct store_txn *txn;
	mirror_time now;
	const struct store_batch *batch;
	struct store_batch *to;
	struct buf row, base, made; /* scratch */
	struct err *err;
};

static int get_to(struct note *n, struct slice key, struct buf *row)
{
	buf_clear(row);
	int r = n->driver->get(n->db, n->txn, key, row, n->err);
	if (r == 0 && row->failed)
		return err_temporary(n->err, ERR_OTHER, "no memory for a row");
	return r;
}

static int get(struct note *n, struct slice key)
{
	return get_to(n, key, &n->row);
}

/* Accounts are few in a write. */
static struct until until_of(const struct note *n, struct id account)
{
	for (size_t i = 0; i < n->count; i++)
		if (id_eq(n->accounts[i], account))
			return n->until[i];
	return (struct until){0};
}

static void add_time(struct buf *to, mirror_time time)
{
	char bytes[sizeof(time)];
	bytes_put_be64(bytes, time);
	buf_add(to, bytes, sizeof(bytes));
}

static bool cut_time(struct slice *rest, mirror_time *ret_time)
{
	struct slice bytes;
	if (!bytes_cut(rest, sizeof(*ret_time), &bytes))
		return false;
	*ret_time = bytes_get_be64(bytes.ptr);
	return true;
}

static bool cut_version(struct slice *rest)
{
	struct slice version;
	return bytes_cut(rest, 1, &version) && version.ptr[0] == BASE_VERSION;
}

bool mirror_parted_read(struct slice row, struct mirror_parted *ret_parted)
{
	return cut_version(&row) && cut_time(&row, &ret_parted->since) &&
	       bytes_cut_varint(&row, &ret_parted->change) && row.len == 0;
}

void mirror_parted_add(const struct mirror_parted *parted, struct buf *to)
{
	buf_add_byte(to, BASE_VERSION);
	add_time(to, parted->since);
	bytes_add_varint(to, parted->change);
}

void mirror_offer_add(const struct mirror_offer *offer, struct buf *to)
{
	buf_add_byte(to, BASE_VERSION);
	buf_add_byte(to, offer->taken ? TAKEN : OFFERED);
	buf_add_slice(to, id_slice(&offer->merge));
	bytes_add_varint(to, offer->change);
}

bool mirror_offer_read(struct slice row, struct mirror_offer *ret_offer)
{
	struct slice kind, id;
	if (!cut_version(&row) || !bytes_cut(&row, 1, &kind) || !bytes_cut(&row, ID_SIZE, &id) ||
		!bytes_cut_varint(&row, &ret_offer->change) || row.len > 0)
		return false;
	memcpy(ret_offer->merge.bytes, id.ptr, ID_SIZE);
	ret_offer->taken = kind.ptr[0] == TAKEN;
	return ret_offer->taken || kind.ptr[0] == OFFERED;
}

bool mirror_was_read(struct slice row, struct mirror_was *ret_was)
{
	if (!cut_version(&row) || !cut_time(&row, &ret_was->changed))
		return false;
	ret_was->row = row;
	return true;
}

void mirror_was_add(const struct mirror_was *was, struct buf *to)
{
	buf_add_byte(to, BASE_VERSION);
	add_time(to, was->changed);
	buf_add_slice(to, was->row);
}

static int damaged(struct note *n, const char *what)
{
	return err_temporary(n->err, ERR_DAMAGED, "damaged: %s", what);
}

/* *ret_parted is the account's last change number when they parted. */
static int note_account(struct note *n, struct id account, uint64_t *ret_parted)
{
	struct key base, key;
	struct store_account row = {.change = 0};
	struct mirror_parted parted;
	uint64_t collections;
	key_of_account(&base, KEY_BASE, account);
	int r = get(n, key_slice(&base));
	if (r < 0)
		return r;
	if (r == 0) { /* noted already */
		if (!mirror_parted_read(buf_slice(&n->row), &parted))
			return damaged(n, "when two nodes parted");
		*ret_parted = parted.change;
		return 0;
	}
	key_of_account(&key, KEY_ACCOUNT, account);
	r = get(n, key_slice(&key));
	if (r < 0)
		return r;
	if (r == 0 && !row_get_account(buf_slice(&n->row), &row, &collections))
		return damaged(n, "the row of an account");
	*ret_parted = row.change;
	buf_clear(&n->made);
	mirror_parted_add(&(struct mirror_parted){row.change, n->now}, &n->made);
	store_batch_put(n->to, key_slice(&base), buf_slice(&n->made));
	return 0;
}

static int find_offer(struct note *n, struct id account, uint64_t *ret_offered)
{
	struct mirror_offer offer;
	struct key key;
	key_of_account(&key, KEY_OFFER, account);
	int r = get(n, key_slice(&key));
	if (r == 0 && !mirror_offer_read(buf_slice(&n->row), &offer))
		return damaged(n, "an offered merge");
	*ret_offered = r == 0 && !offer.taken ? offer.change : 0;
	return r < 0 ? r : 0;
}

static void put_was(struct note *n, struct slice base, struct slice row)
{
	buf_clear(&n->made);
	mirror_was_add(&(struct mirror_was){n->now, row}, &n->made);
	store_batch_put(n->to, base, buf_slice(&n->made));
}

/* Whether the row was there when they parted. */
static bool is_older(struct slice key, struct slice row, uint64_t parted)
{
	struct store_collection collection;
	struct store_object object;
	if (key.ptr[0] == KEY_COLLECTION)
		return row_get_collection(row, &collection) && collection.created <= parted;
	return row_get_object(row, &object) && object.change <= parted;
}

/* Whether a collection's row says no more than that something in it changed: what its data counts
 * of that is no change of its own. Who gave it its name last is to be known. */
static bool follows_objects(struct slice row, struct slice becomes)
{
	struct store_collection now, then;
	return row_get_collection(row, &now) && row_get_collection(becomes, &then) &&
	       slice_eq(now.name, then.name) &&
	       (now.digest != then.digest || slice_eq(now.data, then.data));
}

/* What was noted stays; the time moves. `becomes` is empty when the row goes. */
static int note_again(struct note *n, struct slice key, struct slice base, struct slice becomes)
{
	struct mirror_was was;
	if (!mirror_was_read(buf_slice(&n->base), &was))
		return damaged(n, "a row as it was");
	if (key.ptr[0] == KEY_COLLECTION && becomes.len > 0) {
		int r = get(n, key);
		if (r < 0 || (r == 0 && follows_objects(buf_slice(&n->row), becomes)))
			return r;
	}
	put_was(n, base, was.row);
	return 0;
}

static int note_as(
	struct note *n, enum key_tag tag, uint64_t until, struct slice key, struct slice becomes)
{
	struct key base = {.len = key.len};
	memcpy(base.bytes, key.ptr, key.len);
	base.bytes[0] = (char)tag;
	int r = get_to(n, key_slice(&base), &n->base);
	if (r == 0) {
		r = note_again(n, key, key_slice(&base), becomes);
	} else if (r == STORE_ABSENT) {
		r = get(n, key);
		if (r == 0 && is_older(key, buf_slice(&n->row), until))
			put_was(n, key_slice(&base), buf_slice(&n->row));
	}
	return r < 0 ? r : 0; /* what was not there then has nothing to keep */
}

static int note_row(struct note *n, struct slice key, struct slice becomes)
{
	struct until until = until_of(n, key_account(key));
	int r = note_as(n, KEY_BASE, until.parted, key, becomes);
	return r == 0 && until.offered > 0 ? note_as(n, KEY_OFFER, until.offered, key, becomes) : r;
}

/* Whether the collection of this row is there after the batch: rows of one that goes need no
 * keeping, for it is known by its tombstone, and may have very many. */
struct seen {
	struct id account, collection;
	bool known, stays;
};

static bool batch_drops(const struct store_batch *batch, struct slice collection)
{
	struct slice rest = buf_slice(&batch->bytes), key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&rest, &op, &key, &value, &bad))
		if (op == STORE_DELETE && slice_eq(key, collection))
			return true;
	return false;
}

static int look(struct note *n, struct slice key, struct seen *seen)
{
	struct id account = key_account(key), id = key_collection(key);
	struct key collection;
	if (seen->known && id_eq(seen->collection, id) && id_eq(seen->account, account))
		return 0;
	key_of_collection(&collection, KEY_COLLECTION, account, id);
	int r = get(n, key_slice(&collection));
	if (r < 0)
		return r;
	*seen = (struct seen){
		account, id, true, r == 0 && !batch_drops(n->batch, key_slice(&collection))};
	return 0;
}

static int note_change(
	struct note *n, enum store_op op, struct slice key, struct slice value, struct seen *seen)
{
	if (key.ptr[0] == KEY_COLLECTION && key.len == KEY_COLLECTION_LEN)
		return note_row(n, key, value);
	if (key.ptr[0] != KEY_OBJECT || key.len != KEY_OBJECT_LEN)
		return 0;
	int r = op == STORE_DELETE ? look(n, key, seen) : 0;
	return r < 0 || (op == STORE_DELETE && !seen->stays) ? r : note_row(n, key, value);
}

static int note_all(struct note *n)
{
	struct slice rest = buf_slice(&n->batch->bytes), key, value;
	struct seen seen = {0};
	enum store_op op;
	bool bad;
	int r = 0;
	for (size_t i = 0; r == 0 && i < n->count; i++) {
		r = note_account(n, n->accounts[i], &n->until[i].parted);
		if (r == 0)
			r = find_offer(n, n->accounts[i], &n->until[i].offered);
	}
	while (r == 0 && store_batch_next(&rest, &op, &key, &value, &bad))
		r = note_change(n, op, key, value, &seen);
	return r;
}

int mirror_alone_note(const struct store_driver *driver, struct store_db *db, struct store_txn *txn,
	const struct id *accounts, size_t count, const struct store_batch *batch, mirror_time now,
	struct store_batch *to, struct err *err)
{
	struct note note = {accounts, alloc_zero(count + 1, sizeof(struct until)), count, driver,
		db, txn, now, batch, to, BUF(ROW_MAX), BUF(2 * ROW_MAX), BUF(2 * ROW_MAX), err};
	int r = note_all(&note);
	if (r == 0 && (to->bytes.failed || note.made.failed))
		r = err_temporary(err, ERR_LIMIT, "too much for one write while the link is down");
	free(note.until);
	buf_free(&note.row);
	buf_free(&note.base);
	buf_free(&note.made);
	return r;
}
