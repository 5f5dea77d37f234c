/* Objects inside a write. */
#include "store/digest.h"
#include "store/write.h"

#include "base/bytes.h"
#include "base/must.h"

struct by_number {
	const struct write_collection *collection;
	uint32_t number;
};

static bool same_number(const void *item, const void *key)
{
	const struct write_object *o = item;
	const struct by_number *k = key;
	return o->now.number == k->number && o->collection == k->collection;
}

static uint64_t number_hash(const struct by_number *key)
{
	char bytes[sizeof(uint64_t) + sizeof(uint32_t)];
	bytes_put_le64(bytes, (uint64_t)(uintptr_t)key->collection);
	bytes_put_le32(bytes + sizeof(uint64_t), key->number);
	return bytes_hash(slice(bytes, sizeof(bytes)));
}

static int add(struct store_write *w, struct write_collection *collection, enum write_state state,
	const struct store_object *object, struct write_object **ret_object, struct err *err)
{
	if (w->object_count >= STORE_WRITE_OBJECTS_MAX)
		return err_permanent(err, ERR_LIMIT, "too many objects in one write");
	struct write_object *o = ARENA_NEW(&w->arena, struct write_object);
	o->collection = collection;
	o->state = state;
	o->now = *object;
	o->now.name = arena_copy(&w->arena, object->name);
	o->now.data = arena_copy(&w->arena, object->data);
	struct by_number key = {collection, object->number};
	table_add(&w->objects_by_number, number_hash(&key), o);
	*w->objects_end = o;
	w->objects_end = &o->next;
	w->object_count++;
	*ret_object = o;
	return 0;
}

static bool is_there(const struct write_object *o)
{
	return o->state != WRITE_GONE && o->state != WRITE_DROPPED;
}

/* The object as it will be. STORE_ABSENT. */
static int load(struct store_write *w, struct write_collection *c, uint32_t number,
	struct write_object **ret_object, struct err *err)
{
	struct by_number key = {c, number};
	struct write_object *o =
		table_find(&w->objects_by_number, number_hash(&key), same_number, &key);
	if (!o) {
		AUTO(buf_free) struct buf row = BUF(ROW_MAX);
		struct store_object found;
		struct key stored;
		if (c->is_new)
			return STORE_ABSENT;
		int r = read_object(
			w->store, w->txn, c->account->row.id, c->row.id, number, &row, &found, err);
		if (r == 0)
			r = add(w, c, WRITE_LOADED, &found, &o, err);
		if (r != 0)
			return r;
		o->was = o->now;
		key_of_object(&stored, KEY_OBJECT, c->account->row.id, c->row.id, number);
		o->was_digest = digest_row(key_slice(&stored), buf_slice(&row));
	}
	*ret_object = o;
	return is_there(o) ? 0 : STORE_ABSENT;
}

struct by_name {
	const struct write_collection *collection;
	struct slice name;
};

static bool same_name(const void *item, const void *key)
{
	const struct write_object *o = item;
	const struct by_name *k = key;
	return o->collection == k->collection && is_there(o) && slice_eq(o->now.name, k->name);
}

static uint64_t name_hash(const struct by_name *key)
{
	return bytes_hash(key->name) ^ (uint64_t)(uintptr_t)key->collection;
}

/* Who has the name as things will be. STORE_ABSENT. */
static int find_by_name(struct store_write *w, struct write_collection *c, struct slice name,
	struct write_object **ret_object, struct err *err)
{
	struct by_name key = {c, name};
	uint32_t number;
	*ret_object = table_find(&w->objects_by_name, name_hash(&key), same_name, &key);
	if (*ret_object)
		return 0;
	if (c->is_new)
		return STORE_ABSENT;
	int r = read_object_name(
		w->store, w->txn, c->account->row.id, c->row.id, name, &number, err);
	if (r == 0)
		r = load(w, c, number, ret_object, err);
	return r == 0 && !same_name(*ret_object, &key) ? STORE_ABSENT : r;
}

static int check_name_free(
	struct store_write *w, struct write_collection *c, struct slice name, struct err *err)
{
	struct write_object *other;
	if (name.len == 0)
		return 0;
	if (name.len > STORE_NAME_MAX)
		return err_permanent(
			err, ERR_LIMIT, "a name is longer than %d bytes", STORE_NAME_MAX);
	int r = find_by_name(w, c, name, &other, err);
	if (r == STORE_ABSENT)
		return 0;
	return r < 0 ? r
		     : err_permanent(err, ERR_EXISTS, "the name \"%.*s\" is taken",
			       (int)MIN(name.len, (size_t)100), name.ptr);
}

static void take_name(struct store_write *w, struct write_object *o)
{
	if (o->now.name.len == 0)
		return;
	struct by_name key = {o->collection, o->now.name};
	table_add(&w->objects_by_name, name_hash(&key), o);
	w->object_names = true;
}

static bool same_blob(const void *item, const void *key)
{
	return id_eq(((const struct write_blob *)item)->blob.id, *(const struct id *)key);
}

/* Finds the blob, in this write or in the store, and its length. */
static int resolve_blob(struct store_write *w, struct id blob, struct write_blob **ret_new,
	uint64_t *ret_len, struct err *err)
{
	*ret_len = 0;
	*ret_new = NULL;
	if (id_is_none(blob))
		return 0;
	struct write_blob *b =
		table_find(&w->blobs_by_id, bytes_hash(id_slice(&blob)), same_blob, &blob);
	if (b) {
		*ret_new = b;
		*ret_len = b->blob.bytes.len;
		return 0;
	}
	int r = w->store->driver->blob_len(w->store->db, blob, ret_len, err);
	if (r != STORE_ABSENT)
		return r;
	char text[ID_TEXT_SIZE + 1];
	id_to_text(blob, text);
	return err_permanent(err, ERR_ABSENT, "there is no blob %s", text);
}

static void count(struct write_collection *c, const struct store_object *o, bool more)
{
	struct store_account *account = &c->account->row;
	uint64_t bytes = more ? o->blob_len : -o->blob_len, one = more ? 1 : (uint64_t)-1;
	c->row.count += one;
	c->row.bytes += bytes;
	if (o->flags & STORE_COUNTED) {
		c->row.counted += one;
		c->row.counted_bytes += bytes;
		account->count += one;
		account->bytes += bytes;
	}
}

static void put_facet(struct store_write *w, struct write_object *o, struct slice facet)
{
	struct key key;
	if (!facet.ptr)
		return;
	key_of_object(&key, KEY_FACET, o->collection->account->row.id, o->collection->row.id,
		o->now.number);
	store_batch_put(&w->batch, key_slice(&key), facet);
	o->facet_put = true;
}

static int next_number(const struct store_write *w, const struct write_collection *c,
	uint32_t least, uint32_t *ret_number, struct err *err)
{
	const struct store_driver *driver = w->store->driver;
	uint64_t number = MAX(c->row.next_number, least);
	int parity = driver->number_parity ? driver->number_parity(w->txn, c->account->row.id) : -1;
	if (parity >= 0 && number % 2 != (unsigned)parity)
		number++;
	if (number >= UINT32_MAX)
		return err_permanent(err, ERR_LIMIT, "the collection has no numbers left");
	*ret_number = (uint32_t)number;
	return 0;
}

int store_write_take_number(struct store_write *w, struct store_collection *collection,
	uint32_t least, uint32_t *ret_number, struct err *err)
{
	struct write_collection *c;
	int r = write_change_collection(w, collection, &c, err);
	if (r == 0)
		r = next_number(w, c, least, ret_number, err);
	if (r == 0)
		c->row.next_number = *ret_number + 1;
	return r;
}

int store_write_object_new(struct store_write *w, struct store_collection *collection,
	struct store_object *object, struct slice facet, struct err *err)
{
	struct write_collection *c;
	struct write_object *o = NULL;
	struct write_blob *new_blob = NULL;
	struct store_object new = *object;
	int r = write_collection_of(w, collection, &c, err);
	if (r == 0)
		r = check_name_free(w, c, object->name, err);
	if (r == 0)
		r = resolve_blob(w, object->blob, &new_blob, &new.blob_len, err);
	if (r == 0)
		r = next_number(w, c, 0, &new.number, err);
	if (r == 0)
		r = write_change_collection(w, collection, &c, err);
	if (r < 0)
		return r;
	new.change = c->row.change;
	if (id_is_none(new.id))
		new.id = id_new();
	r = add(w, c, WRITE_NEW, &new, &o, err);
	if (r < 0)
		return r;
	o->new_blob = new_blob;
	c->row.next_number = new.number + 1;
	count(c, &o->now, true);
	take_name(w, o);
	put_facet(w, o, facet);
	object->id = new.id;
	object->number = new.number;
	object->change = new.change;
	object->blob_len = new.blob_len;
	return 0;
}

int store_write_get_object(struct store_write *w, struct store_collection *collection,
	uint32_t number, struct store_object *ret_object, struct err *err)
{
	struct write_collection *c;
	struct write_object *o;
	int r = write_collection_of(w, collection, &c, err);
	if (r == 0)
		r = load(w, c, number, &o, err);
	if (r == 0)
		*ret_object = o->now;
	return r;
}

int store_write_find_object(struct store_write *w, struct store_collection *collection,
	struct slice name, struct store_object *ret_object, struct err *err)
{
	struct write_collection *c;
	struct write_object *o;
	int r = write_collection_of(w, collection, &c, err);
	if (r == 0)
		r = find_by_name(w, c, name, &o, err);
	if (r == 0)
		*ret_object = o->now;
	return r;
}

/* Slices that did not change are not copied again. */
static struct slice keep(struct store_write *w, struct slice had, struct slice given)
{
	return slice_eq(had, given) ? had : arena_copy(&w->arena, given);
}

int store_write_object(struct store_write *w, struct store_collection *collection,
	struct store_object *object, struct slice facet, struct err *err)
{
	struct write_collection *c;
	struct write_object *o;
	int r = write_collection_of(w, collection, &c, err);
	if (r == 0)
		r = load(w, c, object->number, &o, err);
	if (r != 0)
		return r;
	uint64_t blob_len = o->now.blob_len;
	struct write_blob *new_blob = o->new_blob;
	bool renamed = !slice_eq(o->now.name, object->name);
	if (renamed)
		r = check_name_free(w, c, object->name, err);
	if (r == 0 && !id_eq(object->blob, o->now.blob))
		r = resolve_blob(w, object->blob, &new_blob, &blob_len, err);
	if (r == 0)
		r = write_change_collection(w, collection, &c, err);
	if (r < 0)
		return r;
	count(c, &o->now, false);
	o->now.flags = object->flags;
	o->now.blob = object->blob;
	o->now.blob_len = blob_len;
	o->new_blob = new_blob;
	o->now.data = keep(w, o->now.data, object->data);
	o->now.name = keep(w, o->now.name, object->name);
	o->now.change = c->row.change;
	count(c, &o->now, true);
	if (o->state == WRITE_LOADED)
		o->state = WRITE_CHANGED;
	if (renamed) {
		w->object_names = true;
		take_name(w, o);
	}
	put_facet(w, o, facet);
	object->id = o->now.id;
	object->change = o->now.change;
	object->blob_len = blob_len;
	return 0;
}

static void drop_facet(struct store_write *w, const struct write_object *o)
{
	struct key key;
	key_of_object(&key, KEY_FACET, o->collection->account->row.id, o->collection->row.id,
		o->now.number);
	store_batch_delete(&w->batch, key_slice(&key));
}

int store_write_object_gone(struct store_write *w, struct store_collection *collection,
	const struct store_object *object, struct err *err)
{
	struct write_collection *c;
	struct write_object *o;
	int r = write_collection_of(w, collection, &c, err);
	if (r == 0)
		r = load(w, c, object->number, &o, err);
	if (r == 0)
		r = write_change_collection(w, collection, &c, err);
	if (r != 0)
		return r;
	count(c, &o->now, false);
	if (o->now.name.len || o->was.name.len)
		w->object_names = true;
	if (o->state != WRITE_NEW || o->facet_put)
		drop_facet(w, o);
	o->state = o->state == WRITE_NEW ? WRITE_DROPPED : WRITE_GONE;
	o->now.change = c->row.change;
	return 0;
}
