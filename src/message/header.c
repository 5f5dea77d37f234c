/* Walking header fields. A line decides by itself whether it begins a field (a name of printable
 * ASCII, then a colon); every other line goes to the field before it. So a walk looks at each
 * line's name twice at most, and at everything else once. */
#include "message/header.h"

#include "base/wait.h"

#include <endian.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the line at `p` with its end. */
static size_t line_len(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	return (size_t)((lf ? lf + 1 : end) - p);
}

/* Length of the line end when the line at `p` is empty, else 0. */
static size_t empty_line_len(const char *p, const char *end)
{
	if (p < end && *p == '\n')
		return 1;
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

#define EACH(byte) ((uint64_t)0x0101010101010101 * (byte))

/* The high bit of each of eight bytes that can't be in a field name. */
static inline uint64_t no_name(uint64_t eight)
{
	const uint64_t high = EACH(0x80);
	uint64_t low = eight & ~high;
	uint64_t printing = (eight | high) - EACH('!');
	uint64_t no_colon = (low ^ EACH(':')) + EACH(0x7F),
		 no_del = (low ^ EACH(0x7F)) + EACH(0x7F);
	return (eight | ~(printing & no_colon & no_del)) & high;
}

/* Past the name at `p`, eight bytes at a time. */
static const char *pass_name(const char *p, const char *end)
{
	uint64_t eight;
	for (; end - p >= (ptrdiff_t)sizeof(eight); p += sizeof(eight)) {
		memcpy(&eight, p, sizeof(eight));
		uint64_t stops = no_name(le64toh(eight));
		if (stops != 0)
			return p + __builtin_ctzll(stops) / 8;
	}
	while (p<end && * p> ' ' && *p < 127 && *p != ':')
		p++;
	return p;
}

/* The colon that ends the field name at the front of the line, or NULL. */
static const char *name_end(const char *p, const char *end, size_t *ret_len)
{
	const char *start = p;
	p = pass_name(p, end);
	*ret_len = (size_t)(p - start);
	if (p == start)
		return NULL;
	while (p < end && is_space(*p))
		p++;
	return p < end && *p == ':' ? p : NULL;
}

bool message_next_field(struct slice *header, struct message_field *ret_field)
{
	if (header->len == 0)
		return false;
	const char *start = header->ptr, *end = start + header->len, *p = start;
	size_t empty = empty_line_len(p, end), name_len = 0, ignored;
	if (empty > 0) {
		*header = slice(p + empty, header->len - empty);
		return false;
	}
	const char *colon = name_end(p, end, &name_len);
	const char *value = colon ? colon + 1 : start;
	p += line_len(p, end);
	while (p < end && empty_line_len(p, end) == 0 &&
		(is_space(*p) || !name_end(p, end, &ignored)))
		p += line_len(p, end);
	const char *value_end = p;
	if (value_end > value && value_end[-1] == '\n')
		value_end--;
	if (value_end > value && value_end[-1] == '\r')
		value_end--;
	*ret_field = (struct message_field){
		.whole = slice(start, (size_t)(p - start)),
		.name = slice(start, colon ? name_len : 0),
		.value = slice(value, (size_t)(value_end - value)),
	};
	*header = slice(p, (size_t)(end - p));
	wait_give_way_over(start, p);
	return true;
}

size_t message_header_len(struct slice message)
{
	if (message.len == 0)
		return 0;
	const char *p = message.ptr, *end = p + message.len;
	while (p < end) {
		size_t empty = empty_line_len(p, end);
		if (empty > 0)
			return (size_t)(p - message.ptr) + empty;
		p += line_len(p, end);
	}
	return message.len;
}

/* Copies without line ends; one that no white space follows becomes a space. `out` has room for
 * value.len bytes. */
static size_t unfold(struct slice value, char *out)
{
	const char *p = value.ptr, *end = p + value.len;
	char *start = out;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf ? lf : end;
		if (lf && stop > p && stop[-1] == '\r')
			stop--;
		memcpy(out, p, (size_t)(stop - p));
		out += stop - p;
		if (!lf)
			break;
		p = lf + 1;
		if (p < end && !is_space(*p))
			*out++ = ' ';
	}
	return (size_t)(out - start);
}

void message_unfold(struct slice value, struct buf *to)
{
	if (value.len == 0)
		return;
	char *room = buf_reserve(to, value.len);
	if (room)
		to->len += unfold(value, room);
}

struct slice message_header_value(struct slice header, const char *name, struct arena *arena)
{
	struct slice wanted = slice_str(name);
	struct message_field field;
	while (message_next_field(&header, &field)) {
		if (!slice_eq_nocase(field.name, wanted))
			continue;
		struct slice value = slice_trim(field.value);
		if (slice_find(value, '\n') < 0)
			return value;
		char *copy = arena_alloc(arena, value.len);
		return slice(copy, unfold(value, copy));
	}
	return SLICE_NONE;
}
