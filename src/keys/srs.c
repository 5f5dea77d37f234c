/* Each secret is an object with an id for its name; its data is a version, a time and the bytes.
 * They are read each time: mail that goes on is written to the disk, beside which that is nothing.
 */
#include "keys/srs.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"

enum { VERSION = 1, ROW_MAX = KEYS_SRS_SIZE + 16 };

static const char COLLECTION[] = "srs";

struct secret {
	uint64_t created; /* seconds since 1970 */
	struct slice name, bytes;
};

struct scan {
	struct arena *arena;
	struct secret *list;
	size_t count;
};

static bool visit(void *context, const struct store_object *object)
{
	struct scan *s = context;
	struct slice data = object->data, version;
	struct secret secret;
	if (!bytes_cut(&data, 1, &version) || version.ptr[0] != VERSION ||
		!bytes_cut_varint(&data, &secret.created) || data.len != KEYS_SRS_SIZE)
		return true; /* of a later version: it signs there */
	secret.name = arena_copy(s->arena, object->name);
	secret.bytes = arena_copy(s->arena, data);
	s->list[s->count++] = secret;
	return s->count < KEYS_SRS_MAX;
}

/* The same order at both nodes. */
static int by_age(const void *a, const void *b)
{
	const struct secret *x = a, *y = b;
	if (x->created != y->created)
		return x->created < y->created ? -1 : 1;
	return slice_cmp(x->name, y->name);
}

static int read_all(struct store *store, struct scan *s, struct err *err)
{
	struct store_collection c;
	s->list = ARENA_ARRAY(s->arena, struct secret, KEYS_SRS_MAX);
	s->count = 0;
	store_catch_up(store, STORE_SYSTEM_ACCOUNT);
	int r = store_find_collection(
		store, STORE_SYSTEM_ACCOUNT, STORE_SRS, slice_str(COLLECTION), s->arena, &c, err);
	if (r == 0)
		r = store_scan_objects(
			store, STORE_SYSTEM_ACCOUNT, c.id, 1, UINT32_MAX, visit, s, err);
	if (s->count > 1)
		qsort(s->list, s->count, sizeof(*s->list), by_age);
	return r < 0 ? r : 0;
}

/* Another thread, or the other node, may have been here before: then nothing is written. */
static int write_one(struct store_write *write, struct err *err)
{
	char name[ID_TEXT_SIZE + 1];
	uint8_t bytes[KEYS_SRS_SIZE];
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct store_collection *c;
	int r = store_write_find_collection(
		write, STORE_SYSTEM_ACCOUNT, STORE_SRS, slice_str(COLLECTION), &c, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(write, STORE_SYSTEM_ACCOUNT, STORE_SRS,
			slice_str(COLLECTION), SLICE(""), &c, err);
	if (r < 0 || c->count > 0)
		return r;
	id_to_text(id_new(), name);
	random_bytes(bytes, sizeof(bytes));
	buf_add_byte(&row, VERSION);
	bytes_add_varint(&row, (uint64_t)clock_wall());
	buf_add(&row, bytes, sizeof(bytes));
	struct store_object object = {.name = slice_str(name), .data = buf_slice(&row)};
	r = store_write_object_new(write, c, &object, SLICE_NONE, err);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(row.data, row.len);
	return r;
}

static int make_one(struct store *store, struct err *err)
{
	const struct id account = STORE_SYSTEM_ACCOUNT;
	struct store_write *write;
	int r = store_write_begin(store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = write_one(write, err);
	if (r == 0)
		return store_write_commit(write, err);
	store_write_abort(write);
	return r;
}

int keys_srs_secrets(struct store *store, bool make, struct arena *arena, struct slice **ret_list,
	size_t *ret_count, struct err *err)
{
	struct scan s = {.arena = arena};
	int r = read_all(store, &s, err);
	if (r == 0 && s.count == 0 && make) {
		r = make_one(store, err);
		if (r == 0)
			r = read_all(store, &s, err);
		if (r == 0 && s.count == 0)
			r = err_temporary(err, ERR_DAMAGED, "no secret of SRS can be read");
	}
	if (r < 0)
		return r;
	*ret_list = ARENA_ARRAY(arena, struct slice, MAX(s.count, (size_t)1));
	*ret_count = s.count;
	for (size_t i = 0; i < s.count; i++)
		(*ret_list)[i] = s.list[i].bytes;
	return 0;
}
