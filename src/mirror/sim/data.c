/* Numbers in four bytes each. The rules follow those of mail: flag by flag, and counters anew. */
#include "mirror/sim/data.h"

#include "base/bytes.h"

enum { OBJECT_FIELDS = 2 + SIM_FLAGS, COLLECTION_FIELDS = 4, LARGE_TIMES = 40 };

static struct slice write_fields(const uint32_t *fields, size_t count, struct arena *arena)
{
	char *bytes = arena_alloc(arena, count * sizeof(*fields));
	for (size_t i = 0; i < count; i++)
		bytes_put_be32(bytes + i * sizeof(*fields), fields[i]);
	return slice(bytes, count * sizeof(*fields));
}

static bool read_fields(struct slice bytes, uint32_t *ret_fields, size_t count)
{
	if (bytes.len != count * sizeof(*ret_fields))
		return false;
	for (size_t i = 0; i < count; i++)
		ret_fields[i] = bytes_get_be32(bytes.ptr + i * sizeof(*ret_fields));
	return true;
}

struct slice sim_object_data_write(const struct sim_object_data *data, struct arena *arena)
{
	uint32_t fields[OBJECT_FIELDS] = {data->object, data->message};
	memcpy(fields + 2, data->flags, sizeof(data->flags));
	return write_fields(fields, OBJECT_FIELDS, arena);
}

bool sim_object_data_read(struct slice bytes, struct sim_object_data *ret_data)
{
	uint32_t fields[OBJECT_FIELDS];
	if (!read_fields(bytes, fields, OBJECT_FIELDS))
		return false;
	ret_data->object = fields[0];
	ret_data->message = fields[1];
	memcpy(ret_data->flags, fields + 2, sizeof(ret_data->flags));
	return true;
}

struct slice sim_collection_data_write(const struct sim_collection_data *data, struct arena *arena)
{
	uint32_t fields[COLLECTION_FIELDS] = {
		data->collection, data->named, data->count, data->validity};
	return write_fields(fields, COLLECTION_FIELDS, arena);
}

bool sim_collection_data_read(struct slice bytes, struct sim_collection_data *ret_data)
{
	uint32_t fields[COLLECTION_FIELDS];
	if (!read_fields(bytes, fields, COLLECTION_FIELDS))
		return false;
	*ret_data = (struct sim_collection_data){fields[0], fields[1], fields[2], fields[3]};
	return true;
}

/* Mostly short; some take more than one part to cross the link. */
struct slice sim_body(uint32_t body, struct arena *arena)
{
	uint64_t mixed = (body + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
	size_t len = mixed % LARGE_TIMES == 0 ? 20000 + mixed % 70000 : 4 + mixed % 300;
	char *bytes = arena_alloc(arena, len);
	for (size_t i = 0; i + sizeof(body) <= len; i += sizeof(body))
		bytes_put_be32(bytes + i, body + (uint32_t)i);
	return slice(bytes, len);
}

/* Of one number: what was changed holds; of two changes the larger one, which is the later. */
static uint32_t merge_field(const uint32_t *was, uint32_t first, uint32_t second)
{
	if (was && *was == first)
		return second;
	if (was && *was == second)
		return first;
	return MAX(first, second);
}

static void merge_object(const struct store_object *was, const struct store_object *first,
	const struct store_object *second, struct arena *arena, struct store_object *to)
{
	struct sim_object_data base = {0}, a, b, merged;
	if ((was && !sim_object_data_read(was->data, &base)) ||
		!sim_object_data_read(first->data, &a) || !sim_object_data_read(second->data, &b) ||
		!sim_object_data_read(to->data, &merged))
		return;
	for (size_t i = 0; was && i < SIM_FLAGS; i++)
		merged.flags[i] = merge_field(&base.flags[i], a.flags[i], b.flags[i]);
	to->data = sim_object_data_write(&merged, arena);
}

static void merge_collection(const struct store_collection *was,
	const struct store_collection *first, const struct store_collection *second,
	struct arena *arena, struct store_collection *to)
{
	struct sim_collection_data base = {0}, a, b, merged;
	if ((was && !sim_collection_data_read(was->data, &base)) ||
		!sim_collection_data_read(first->data, &a) ||
		!sim_collection_data_read(second->data, &b) ||
		!sim_collection_data_read(to->data, &merged))
		return;
	/* The name is picked by the store: who gave it is told by its operation. */
	merged.named = slice_eq(to->name, first->name)    ? a.named
		       : slice_eq(to->name, second->name) ? b.named
							  : merged.named;
	if (slice_eq(first->name, second->name))
		merged.named = merge_field(was ? &base.named : NULL, a.named, b.named);
	merged.validity = MAX(a.validity, b.validity);
	to->data = sim_collection_data_write(&merged, arena);
}

/* One that no side ever had, as mail takes it from the account's settings: also when it grew by a
 * merge that one side has not heard of. */
static uint32_t fresh_validity(const struct store_collection *to)
{
	return (uint32_t)to->own_change;
}

static void join(
	const struct store_collection *other, struct arena *arena, struct store_collection *to)
{
	struct sim_collection_data a, b;
	if (!sim_collection_data_read(to->data, &a) || !sim_collection_data_read(other->data, &b))
		return;
	if (a.validity <= b.validity)
		a.validity = fresh_validity(to);
	to->data = sim_collection_data_write(&a, arena);
}

static void revive(struct arena *arena, struct store_collection *to)
{
	struct sim_collection_data data;
	if (!sim_collection_data_read(to->data, &data))
		return;
	data.validity = fresh_validity(to);
	to->data = sim_collection_data_write(&data, arena);
}

static void count(const struct store_object *const *objects, size_t object_count,
	struct arena *arena, struct store_collection *to)
{
	struct sim_collection_data data;
	if (!sim_collection_data_read(to->data, &data))
		return;
	data.count = (uint32_t)object_count;
	to->data = sim_collection_data_write(&data, arena);
}

const struct store_merge_rule sim_rules[] = {
	{.kind = STORE_MAILBOX,
		.merge = merge_object,
		.merge_collection = merge_collection,
		.join = join,
		.revive = revive,
		.count = count},
	{.kind = STORE_SETTINGS, .later_only = true},
	{0},
};
