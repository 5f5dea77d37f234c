/* A kind with rules of merging, for tests, as mail's is: an object of STORE_MAILBOX has a byte of
 * flags for data, and its collection some bits, and how many of its objects are marked. */
#ifndef MIRROR_TEST_BOX_H
#define MIRROR_TEST_BOX_H

#include "base/bytes.h"
#include "base/test.h"
#include "store/merge_rule.h"

enum { BITS = 16, MARKED = 1 }; /* flags */
/* Kinds: one without a rule, one of which the later object holds. */
enum { UNKNOWN_KIND = 99, PLAIN_KIND = 98 };

struct box {
	unsigned bits;
	uint64_t marked;
};

static inline struct box read_box(struct slice data)
{
	struct box box;
	uint64_t bits;
	assert_true(bytes_cut_varint(&data, &bits) && bytes_cut_varint(&data, &box.marked));
	assert_int_equal(data.len, 0);
	box.bits = (unsigned)bits;
	return box;
}

static inline void add_box(struct buf *to, const struct box *box)
{
	bytes_add_varint(to, box->bits);
	bytes_add_varint(to, box->marked);
}

static inline void write_box(
	const struct box *box, struct arena *arena, struct store_collection *to)
{
	AUTO(buf_free) struct buf data = BUF(20);
	add_box(&data, box);
	to->data = arena_copy(arena, buf_slice(&data));
}

static inline unsigned flags_of(const struct store_object *object)
{
	assert_int_equal(object->data.len, 1);
	return (unsigned char)object->data.ptr[0];
}

static inline unsigned merge_bits(unsigned was, unsigned first, unsigned second)
{
	unsigned first_changed = first ^ was, second_changed = second ^ was;
	return was ^ (first_changed | second_changed);
}

static inline void merge_object(const struct store_object *was, const struct store_object *first,
	const struct store_object *second, struct arena *arena, struct store_object *to)
{
	assert_true(id_eq(first->id, second->id) && id_eq(first->id, to->id));
	assert_true(!was || id_eq(first->id, was->id)); /* none: it came at both sides */
	char flags = (char)merge_bits(was ? flags_of(was) : 0, flags_of(first), flags_of(second));
	to->data = arena_copy(arena, slice(&flags, 1));
}

static inline void merge_collection(const struct store_collection *was,
	const struct store_collection *first, const struct store_collection *second,
	struct arena *arena, struct store_collection *to)
{
	struct box a = read_box(first->data), b = read_box(second->data),
		   box = {merge_bits(read_box(was->data).bits, a.bits, b.bits), 0};
	assert_true(id_eq(was->id, first->id) && id_eq(first->id, second->id));
	write_box(&box, arena, to);
}

static inline void join_collections(
	const struct store_collection *other, struct arena *arena, struct store_collection *to)
{
	struct box box = {read_box(to->data).bits | read_box(other->data).bits, 0};
	assert_true(slice_eq(to->name, other->name) && id_cmp(to->id, other->id) < 0);
	write_box(&box, arena, to);
}

static inline void count_objects(const struct store_object *const *objects, size_t count,
	struct arena *arena, struct store_collection *to)
{
	struct box box = {read_box(to->data).bits, 0};
	for (size_t i = 0; i < count; i++)
		box.marked += flags_of(objects[i]) & MARKED;
	write_box(&box, arena, to);
}

static const struct store_merge_rule BOX_RULES[] = {{.kind = STORE_MAILBOX,
							    .merge = merge_object,
							    .merge_collection = merge_collection,
							    .join = join_collections,
							    .count = count_objects,
							    .names_in = STORE_SUBSCRIPTIONS},
	{.kind = (enum store_kind)PLAIN_KIND, .later_only = true}, {0}};

#endif
