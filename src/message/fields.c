/* Chosen header fields. A name is looked up in a table of hashes, so neither a long list of names
 * nor a long header costs more than its length; fields that stand side by side are copied at once.
 */
#include "message/fields.h"

#include "message/header.h"

struct message_field_names {
	struct slice *slots; /* ptr NULL: free */
	size_t mask;         /* count of slots - 1, a power of two and at most half full */
	uint64_t lengths;    /* bit n: some name has n characters (63: or more) */
};

/* Seeded by nothing: the names are the client's own, and so is the table. */
static size_t hash(struct slice name)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < name.len; i++)
		h = (h ^ ((unsigned char)name.ptr[i] | 0x20u)) * 16777619u;
	return h ^ h >> 15;
}

static uint64_t length_bit(size_t len)
{
	return (uint64_t)1 << MIN(len, 63u);
}

static struct slice *find(const struct message_field_names *names, struct slice name)
{
	size_t at = hash(name) & names->mask;
	while (names->slots[at].ptr && !slice_eq_nocase(names->slots[at], name))
		at = (at + 1) & names->mask;
	return &names->slots[at];
}

struct message_field_names *message_field_names_new(
	const struct slice *names, size_t count, struct arena *arena)
{
	struct message_field_names *set = ARENA_NEW(arena, struct message_field_names);
	size_t slots = 8;
	while (slots < count * 2)
		slots *= 2;
	set->slots = ARENA_ARRAY(arena, struct slice, slots);
	set->mask = slots - 1;
	for (size_t i = 0; i < count; i++) {
		if (names[i].len == 0)
			continue;
		*find(set, names[i]) = names[i];
		set->lengths |= length_bit(names[i].len);
	}
	return set;
}

bool message_field_names_has(const struct message_field_names *names, struct slice name)
{
	if (name.len == 0 || (names->lengths & length_bit(name.len)) == 0)
		return false;
	return find(names, name)->ptr != NULL;
}

void message_write_fields(
	const struct message_field_names *names, struct slice header, bool others, struct buf *to)
{
	struct message_field field;
	struct slice run = SLICE_NONE; /* fields to copy, side by side */
	while (message_next_field(&header, &field)) {
		if (message_field_names_has(names, field.name) == others)
			continue;
		if (run.len > 0 && run.ptr + run.len == field.whole.ptr) {
			run.len += field.whole.len;
			continue;
		}
		buf_add_slice(to, run);
		run = field.whole;
	}
	buf_add_slice(to, run);
	if (run.len > 0 && run.ptr[run.len - 1] != '\n')
		buf_add(to, "\r\n", 2);
	buf_add(to, "\r\n", 2);
}
