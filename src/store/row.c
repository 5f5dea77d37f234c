/* Rows: a version byte, then varints, ids and counted strings. */
#include "store/row.h"

#include "base/bytes.h"

enum { ACCOUNT_GONE = 1 };
/* Flags of an object on disk: two tell what follows, the others are store.h's. */
enum { OBJECT_HAS_BLOB = 1, OBJECT_MOVED = 4, OBJECT_FLAGS_SHIFT = 1 };

/* The part of a row before its name and data, whose size is bounded; gathered here, so that a row
 * costs few calls. */
struct head {
	size_t len;
	char bytes[128];
};

static void head_begin(struct head *head)
{
	head->bytes[0] = ROW_VERSION;
	head->len = 1;
}

static void head_varint(struct head *head, uint64_t value)
{
	while (value >= 0x80) {
		head->bytes[head->len++] = (char)(value | 0x80);
		value >>= 7;
	}
	head->bytes[head->len++] = (char)value;
}

static void head_fixed(struct head *head, uint64_t value)
{
	bytes_put_be64(head->bytes + head->len, value);
	head->len += sizeof(value);
}

static void head_id(struct head *head, struct id id)
{
	memcpy(head->bytes + head->len, id.bytes, ID_SIZE);
	head->len += ID_SIZE;
}

static void add_row(struct buf *to, struct head *head, struct slice name, struct slice data)
{
	head_varint(head, name.len);
	buf_add(to, head->bytes, head->len);
	buf_add_slice(to, name);
	buf_add_slice(to, data);
}

static bool cut_version(struct slice *rest)
{
	if (rest->len == 0 || rest->ptr[0] != ROW_VERSION)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static bool cut_fixed(struct slice *rest, uint64_t *ret_value)
{
	struct slice bytes;
	if (!bytes_cut(rest, sizeof(*ret_value), &bytes))
		return false;
	*ret_value = bytes_get_be64(bytes.ptr);
	return true;
}

/* A varint that fits the field it is meant for. */
static bool cut_number(struct slice *rest, uint64_t max, uint64_t *ret_value)
{
	return bytes_cut_varint(rest, ret_value) && *ret_value <= max;
}

void row_add_account(struct buf *to, const struct store_account *account, uint64_t collections)
{
	struct head head;
	head_begin(&head);
	head_varint(&head, account->gone ? ACCOUNT_GONE : 0);
	head_varint(&head, account->change);
	head_varint(&head, account->bytes);
	head_varint(&head, account->count);
	head_varint(&head, account->created > 0 ? (uint64_t)account->created : 0);
	head_varint(&head, collections);
	head_fixed(&head, account->digest);
	buf_add(to, head.bytes, head.len);
}

bool row_get_account(struct slice row, struct store_account *ret_account, uint64_t *ret_collections)
{
	uint64_t flags, created;
	if (!cut_version(&row) || !cut_number(&row, ACCOUNT_GONE, &flags) ||
		!cut_number(&row, ROW_CHANGE_MAX, &ret_account->change) ||
		!bytes_cut_varint(&row, &ret_account->bytes) ||
		!bytes_cut_varint(&row, &ret_account->count) ||
		!cut_number(&row, INT64_MAX, &created) ||
		!bytes_cut_varint(&row, ret_collections) || !cut_fixed(&row, &ret_account->digest))
		return false;
	ret_account->gone = flags & ACCOUNT_GONE;
	ret_account->created = (int64_t)created;
	return row.len == 0;
}

void row_add_collection(struct buf *to, const struct store_collection *collection)
{
	struct head head;
	head_begin(&head);
	head_varint(&head, collection->kind);
	head_varint(&head, collection->change);
	head_varint(&head, collection->own_change);
	head_varint(&head, collection->created);
	head_varint(&head, collection->next_number);
	head_varint(&head, collection->count);
	head_varint(&head, collection->bytes);
	head_varint(&head, collection->counted);
	head_varint(&head, collection->counted_bytes);
	head_fixed(&head, collection->digest);
	add_row(to, &head, collection->name, collection->data);
}

bool row_get_collection(struct slice row, struct store_collection *ret_collection)
{
	struct store_collection *c = ret_collection;
	uint64_t kind, next_number;
	if (!cut_version(&row) || !cut_number(&row, INT32_MAX, &kind) ||
		!cut_number(&row, ROW_CHANGE_MAX, &c->change) ||
		!cut_number(&row, c->change, &c->own_change) ||
		!cut_number(&row, c->own_change, &c->created) ||
		!cut_number(&row, UINT32_MAX, &next_number) || !bytes_cut_varint(&row, &c->count) ||
		!bytes_cut_varint(&row, &c->bytes) || !bytes_cut_varint(&row, &c->counted) ||
		!bytes_cut_varint(&row, &c->counted_bytes) || !cut_fixed(&row, &c->digest) ||
		!bytes_cut_counted(&row, &c->name) || c->name.len > STORE_NAME_MAX)
		return false;
	c->kind = (enum store_kind)kind;
	c->next_number = (uint32_t)next_number;
	c->data = row;
	return true;
}

void row_add_object(struct buf *to, const struct store_object *object)
{
	bool has_blob = !id_is_none(object->blob), moved = !id_is_none(object->origin);
	struct head head;
	head_begin(&head);
	head_varint(&head, (uint64_t)object->flags << OBJECT_FLAGS_SHIFT |
				   (has_blob ? OBJECT_HAS_BLOB : 0) | (moved ? OBJECT_MOVED : 0));
	head_varint(&head, object->change);
	head_id(&head, object->id);
	if (moved)
		head_id(&head, object->origin);
	if (has_blob) {
		head_id(&head, object->blob);
		head_varint(&head, object->blob_len);
	}
	add_row(to, &head, object->name, object->data);
}

bool row_get_object(struct slice row, struct store_object *ret_object)
{
	struct store_object *o = ret_object;
	uint64_t flags;
	if (!cut_version(&row) ||
		!cut_number(&row, (uint64_t)UINT32_MAX << OBJECT_FLAGS_SHIFT | OBJECT_HAS_BLOB,
			&flags) ||
		!cut_number(&row, ROW_CHANGE_MAX, &o->change) || !id_cut(&row, &o->id))
		return false;
	o->flags = (unsigned)((flags & ~(uint64_t)OBJECT_MOVED) >> OBJECT_FLAGS_SHIFT);
	o->origin = ID_NONE;
	o->blob = ID_NONE;
	o->blob_len = 0;
	if ((flags & OBJECT_MOVED) && (!id_cut(&row, &o->origin) || id_is_none(o->origin)))
		return false;
	if ((flags & OBJECT_HAS_BLOB) &&
		(!id_cut(&row, &o->blob) || !bytes_cut_varint(&row, &o->blob_len)))
		return false;
	if (!bytes_cut_counted(&row, &o->name) || o->name.len > STORE_NAME_MAX)
		return false;
	o->data = row;
	return true;
}

void row_put_gone(char ret_row[ROW_GONE_LEN], struct id object)
{
	ret_row[0] = ROW_GONE;
	memcpy(ret_row + 1, object.bytes, ID_SIZE);
}

bool row_get_change(struct slice row, bool *ret_gone, struct id *ret_object)
{
	*ret_gone = row.len > 0;
	*ret_object = ID_NONE;
	if (row.len == 0)
		return true;
	if (row.len != ROW_GONE_LEN || row.ptr[0] != ROW_GONE)
		return false;
	row = slice_from(row, 1);
	return id_cut(&row, ret_object);
}

void row_add_gone_collection(struct buf *to, enum store_kind kind)
{
	buf_add_byte(to, ROW_VERSION);
	bytes_add_varint(to, kind);
}

bool row_get_gone_collection(struct slice row, enum store_kind *ret_kind)
{
	uint64_t kind;
	if (!cut_version(&row) || !cut_number(&row, INT32_MAX, &kind) || row.len > 0)
		return false;
	*ret_kind = (enum store_kind)kind;
	return true;
}
