/* Marks of spam filters. */
#include "filter/junk.h"

#include "message/header.h"

static bool is_one_of(struct slice name, struct slice names)
{
	while (name.len > 0 && names.len > 0)
		if (slice_eq_nocase(slice_cut(&names, ' '), name))
			return true;
	return false;
}

static bool is_yes(struct slice value)
{
	value = slice_trim(value);
	if (!slice_starts_nocase(value, SLICE("yes")))
		return false;
	char next = value.len > 3 ? slice_lower(value.ptr[3]) : ' ';
	return !(next >= 'a' && next <= 'z') && !(next >= '0' && next <= '9');
}

bool filter_junk_is_marked(struct slice header, struct slice names)
{
	struct message_field field;
	while (message_next_field(&header, &field))
		if (is_one_of(field.name, names) && is_yes(field.value))
			return true;
	return false;
}

static bool has(struct slice header, struct slice names)
{
	struct message_field field;
	while (message_next_field(&header, &field))
		if (is_one_of(field.name, names))
			return true;
	return false;
}

size_t filter_junk_remove(struct slice header, struct slice names, struct buf *to)
{
	const char *at = header.ptr;
	struct message_field field;
	size_t removed = 0;
	if (names.len == 0 || !has(header, names))
		return 0;
	while (message_next_field(&header, &field)) {
		at = field.whole.ptr + field.whole.len;
		if (is_one_of(field.name, names))
			removed++;
		else
			buf_add_slice(to, field.whole);
	}
	buf_add(to, at, (size_t)(header.ptr - at)); /* the empty line */
	return removed;
}
