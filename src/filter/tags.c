/* A list is cut at its semicolons, a tag at its first "="; what is left is looked at byte by byte,
 * once. Printable ASCII, white space and what is not ASCII (RFC 8616) may be in a value. */
#include "filter/tags.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(struct slice s)
{
	if (s.len == 0 || !is_letter(s.ptr[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_letter(s.ptr[i]) && !(s.ptr[i] >= '0' && s.ptr[i] <= '9') &&
			s.ptr[i] != '_')
			return false;
	return true;
}

static bool is_value(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (!is_space(s.ptr[i]) && (c < ' ' || c == 127))
			return false;
	}
	return true;
}

enum filter_tags_outcome filter_tags_next(struct slice *list, struct filter_tag *ret_tag)
{
	if (slice_trim(*list).len == 0)
		return FILTER_TAGS_END;
	struct slice room = slice_cut(list, ';');
	ssize_t equals = slice_find(room, '=');
	if (equals < 0)
		return FILTER_TAGS_BAD;
	struct slice name = slice_trim(slice(room.ptr, (size_t)equals));
	room = slice_from(room, (size_t)equals + 1);
	*ret_tag = (struct filter_tag){.name = name, .value = slice_trim(room), .room = room};
	return is_name(name) && is_value(room) ? FILTER_TAGS_TAG : FILTER_TAGS_BAD;
}

bool filter_tags_check(struct slice list)
{
	struct slice names[FILTER_TAGS_MAX];
	struct filter_tag tag;
	enum filter_tags_outcome outcome;
	size_t count = 0;
	while ((outcome = filter_tags_next(&list, &tag)) == FILTER_TAGS_TAG) {
		if (count == FILTER_TAGS_MAX)
			return false;
		for (size_t i = 0; i < count; i++)
			if (slice_eq(names[i], tag.name))
				return false;
		names[count++] = tag.name;
	}
	return outcome == FILTER_TAGS_END && count > 0;
}

bool filter_tags_get(struct slice list, const char *name, struct filter_tag *ret_tag)
{
	struct slice wanted = slice_str(name);
	while (filter_tags_next(&list, ret_tag) == FILTER_TAGS_TAG)
		if (slice_eq(ret_tag->name, wanted))
			return true;
	return false;
}

struct slice filter_tags_find(struct slice list, const char *name)
{
	struct filter_tag tag;
	return filter_tags_get(list, name, &tag) ? tag.value : SLICE_NONE;
}

bool filter_tags_next_part(struct filter_tags_parts *parts, struct slice *ret_part)
{
	if (parts->end)
		return false;
	parts->end = slice_find(parts->rest, parts->separator) < 0;
	*ret_part = slice_trim(slice_cut(&parts->rest, parts->separator));
	return true;
}

bool filter_tags_has_part(struct slice value, char separator, const char *word)
{
	struct filter_tags_parts parts = filter_tags_parts(value, separator);
	struct slice part, wanted = slice_str(word);
	while (filter_tags_next_part(&parts, &part))
		if (slice_eq_nocase(part, wanted))
			return true;
	return false;
}
