/* The check of one account: rows parse, counters agree with what they count, names, changes and
 * references point both ways. */
#include "store/check.h"
#include "store/digest.h"

#include "base/bytes.h"

/* What is counted below one collection, to be compared with its row. */
struct tally {
	struct check *check;
	struct id account;
	struct store_collection *collection;
	uint64_t objects, bytes, counted, counted_bytes, named;
	uint64_t living_changes, names, digest;
	struct buf *row; /* scratch */
};

struct account_tally {
	struct check *check;
	struct store_account account;
	uint64_t collections, names, counted, bytes, digest;
};

static void check_object_change(
	struct tally *t, struct slice key, const struct store_object *object)
{
	struct key change;
	struct id id;
	bool gone;
	key_of_change(&change, t->account, t->collection->id, object->change, object->number);
	int r = check_get(t->check, &change, t->row);
	if (r == STORE_ABSENT)
		check_finding(t->check, key, "its last change has no row");
	else if (r == 0 && (!row_get_change(buf_slice(t->row), &gone, &id) || gone))
		check_finding(t->check, key, "the row of its last change says that it is gone");
}

static void check_object_links(struct tally *t, struct slice key, const struct store_object *object)
{
	struct key link;
	if (!id_is_none(object->blob)) {
		key_of_ref(&link, object->blob, t->account, t->collection->id, object->number);
		if (check_get(t->check, &link, t->row) == STORE_ABSENT)
			check_finding(t->check, key, "nothing keeps its blob alive");
	}
	if (object->name.len == 0)
		return;
	t->named++;
	key_of_object_name(&link, t->account, t->collection->id, object->name);
	int r = check_get(t->check, &link, t->row);
	if (r == STORE_ABSENT ||
		(r == 0 && (t->row->len != 4 || bytes_get_be32(t->row->data) != object->number)))
		check_finding(t->check, key, "its name does not lead to it");
}

static bool check_object(void *context, struct slice key, struct slice value)
{
	struct tally *t = context;
	struct store_object object;
	t->objects++;
	t->digest += digest_row(key, value);
	if (key.len != KEY_OBJECT_LEN || !row_get_object(value, &object)) {
		check_finding(t->check, key, "does not parse");
		return check_go_on(t->check);
	}
	object.number = key_number(key);
	t->bytes += object.blob_len;
	if (object.flags & STORE_COUNTED) {
		t->counted++;
		t->counted_bytes += object.blob_len;
	}
	if (object.number == 0 || object.number >= t->collection->next_number)
		check_finding(t->check, key, "its number was never given out");
	if (object.change > t->collection->change)
		check_finding(t->check, key, "its change is later than its collection's");
	check_object_change(t, key, &object);
	check_object_links(t, key, &object);
	return t->check->result == 0 && check_go_on(t->check);
}

static bool check_change(void *context, struct slice key, struct slice value)
{
	struct tally *t = context;
	struct key object;
	struct id id;
	bool gone;
	if (key.len != KEY_CHANGE_LEN || !row_get_change(value, &gone, &id)) {
		check_finding(t->check, key, "does not parse");
		return check_go_on(t->check);
	}
	t->living_changes += !gone;
	if (gone)
		t->digest += digest_row(key, value);
	if (key_change(key) > t->collection->change)
		check_finding(t->check, key, "is later than its collection's");
	key_of_object(&object, KEY_OBJECT, t->account, t->collection->id, key_number(key));
	if (gone && check_get(t->check, &object, t->row) == 0)
		check_finding(t->check, key, "says gone, but the object is there");
	return t->check->result == 0 && check_go_on(t->check);
}

static bool check_facet(void *context, struct slice key, struct slice value)
{
	struct tally *t = context;
	struct key object;
	if (key.len != KEY_OBJECT_LEN) {
		check_finding(t->check, key, "is no facet's key");
		return check_go_on(t->check);
	}
	key_of_object(&object, KEY_OBJECT, t->account, t->collection->id, key_number(key));
	if (check_get(t->check, &object, t->row) == STORE_ABSENT)
		check_finding(t->check, key, "has no object");
	return t->check->result == 0 && check_go_on(t->check);
}

static bool count_name(void *context, struct slice key, struct slice value)
{
	struct tally *t = context;
	t->names++;
	return check_go_on(t->check);
}

static void compare(struct tally *t, struct slice key)
{
	const struct store_collection *c = t->collection;
	if (t->objects != c->count)
		check_finding(t->check, key, "counts another number of objects than there are");
	if (t->bytes != c->bytes)
		check_finding(t->check, key, "counts another number of bytes than there are");
	if (t->counted != c->counted || t->counted_bytes != c->counted_bytes)
		check_finding(t->check, key, "counts another use of the quota than there is");
	if (t->living_changes != t->objects)
		check_finding(t->check, key, "has changes of objects that it does not have");
	if (t->digest != c->digest)
		check_finding(t->check, key, "has a digest of other rows than there are");
	if (t->names != t->named)
		check_finding(t->check, key, "has names of objects that it does not have");
}

static int check_below(struct tally *t, struct slice key)
{
	static const struct {
		enum key_tag tag;
		bool (*visit)(void *context, struct slice key, struct slice value);
	} parts[] = {{KEY_OBJECT, check_object}, {KEY_CHANGE, check_change},
		{KEY_FACET, check_facet}, {KEY_OBJECT_NAME, count_name}};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct key prefix;
		key_of_collection(&prefix, parts[i].tag, t->account, t->collection->id);
		int r = check_scan(t->check, &prefix, parts[i].visit, t);
		if (r != 0)
			return r;
	}
	compare(t, key);
	return 0;
}

static bool check_collection(void *context, struct slice key, struct slice value)
{
	struct account_tally *a = context;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct store_collection c;
	struct key name;
	a->collections++;
	a->digest += digest_row(key, value);
	if (key.len != KEY_COLLECTION_LEN || !row_get_collection(value, &c)) {
		check_finding(a->check, key, "does not parse");
		return check_go_on(a->check);
	}
	c.id = key_collection(key);
	if (c.change > a->account.change)
		check_finding(a->check, key, "its change is later than its account's");
	key_of_collection_name(&name, a->account.id, c.kind, c.name);
	int r = check_get(a->check, &name, &row);
	if (r == STORE_ABSENT || (r == 0 && !slice_eq(buf_slice(&row), id_slice(&c.id))))
		check_finding(a->check, key, "its name does not lead to it");
	struct tally t = {
		.check = a->check, .account = a->account.id, .collection = &c, .row = &row};
	if (r >= 0 && (r = check_below(&t, key)) < 0)
		a->check->result = r;
	a->counted += t.counted;
	a->bytes += t.counted_bytes;
	return a->check->result == 0 && check_go_on(a->check);
}

static bool check_collection_name(void *context, struct slice key, struct slice value)
{
	struct account_tally *a = context;
	a->names++;
	return check_go_on(a->check);
}

static bool check_tombstone(void *context, struct slice key, struct slice value)
{
	struct account_tally *a = context;
	enum store_kind kind;
	a->digest += digest_row(key, value);
	if (key.len != KEY_GONE_LEN || !row_get_gone_collection(value, &kind))
		check_finding(a->check, key, "does not parse");
	else if (key_gone_change(key) > a->account.change)
		check_finding(a->check, key, "is later than its account's last change");
	return check_go_on(a->check);
}

/* Rows below a collection that has no row, and is not waiting for the sweep either. */
static int check_strays(struct check *c, struct id account, enum key_tag tag)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct key prefix, from, found, owner;
	key_of_account(&prefix, tag, account);
	from = prefix;
	for (;;) {
		int r = check_first(c, &prefix, &from, &found);
		if (r != 0)
			return r == STORE_ABSENT ? 0 : r;
		if (!check_go_on(c))
			return STORE_STOPPED;
		if (found.len < KEY_COLLECTION_LEN) {
			check_finding(c, key_slice(&found), "is no key of this store");
			from = found;
			from.bytes[from.len++] = '\0';
			continue;
		}
		struct id collection = key_collection(key_slice(&found));
		key_of_collection(&owner, KEY_COLLECTION, account, collection);
		r = check_get(c, &owner, &row);
		key_of_collection(&owner, KEY_SWEEP, account, collection);
		if (r == STORE_ABSENT)
			r = check_get(c, &owner, &row);
		if (r < 0)
			return r;
		if (r == STORE_ABSENT)
			check_finding(c, key_slice(&found), "belongs to no collection");
		key_of_collection(&from, tag, account, collection);
		key_to_end(&from);
	}
}

static bool say_unswept(void *context, struct slice key, struct slice value)
{
	struct account_tally *a = context;
	check_remark(a->check, key, "is done by the next sweep");
	return check_go_on(a->check);
}

static int check_parts(struct account_tally *a, uint64_t collections, struct slice key)
{
	static const struct {
		enum key_tag tag;
		bool (*visit)(void *context, struct slice key, struct slice value);
	} parts[] = {{KEY_COLLECTION, check_collection},
		{KEY_COLLECTION_NAME, check_collection_name}, {KEY_GONE, check_tombstone},
		{KEY_SWEEP, say_unswept}};
	static const enum key_tag strays[] = {KEY_OBJECT, KEY_CHANGE, KEY_FACET, KEY_OBJECT_NAME};
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
		struct key prefix;
		key_of_account(&prefix, parts[i].tag, a->account.id);
		r = check_scan(a->check, &prefix, parts[i].visit, a);
	}
	for (size_t i = 0; r == 0 && !a->account.gone && i < ARRAY_LEN(strays); i++)
		r = check_strays(a->check, a->account.id, strays[i]);
	if (r != 0)
		return r;
	if (a->collections != collections)
		check_finding(a->check, key, "counts another number of collections than there are");
	if (a->names != a->collections)
		check_finding(a->check, key, "has names of collections that it does not have");
	if (!a->account.gone && a->digest != a->account.digest)
		check_finding(a->check, key, "has a digest of other rows than there are");
	if (a->counted != a->account.count || a->bytes != a->account.bytes)
		check_finding(a->check, key, "counts another use of its quota than there is");
	return 0;
}

int check_account(struct check *c, struct id account)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct account_tally a = {.check = c};
	uint64_t collections;
	struct key key;
	key_of_account(&key, KEY_ACCOUNT, account);
	int r = check_get(c, &key, &row);
	if (r != 0)
		return r == STORE_ABSENT ? 0 : r; /* deleted since it was listed */
	if (!row_get_account(buf_slice(&row), &a.account, &collections)) {
		check_finding(c, key_slice(&key), "does not parse");
		return 0;
	}
	a.account.id = account;
	return check_parts(&a, collections, key_slice(&key));
}
