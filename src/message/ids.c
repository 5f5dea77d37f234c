/* Message ids. */
#include "message/ids.h"

/* Copies without white space, quotes and backslashes. */
static struct slice normalised(struct slice id, struct arena *arena)
{
	char *copy = arena_alloc(arena, id.len);
	size_t n = 0;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (c == '\\' && i + 1 < id.len)
			c = id.ptr[++i];
		else if (c == '"' || c == ' ' || c == '\t')
			continue;
		if (c != '\r' && c != '\n')
			copy[n++] = c;
	}
	return slice(copy, n);
}

bool message_next_id(struct slice *value, struct arena *arena, struct slice *ret_id)
{
	while (value->len > 0) {
		ssize_t open = slice_find(*value, '<');
		if (open < 0)
			break;
		struct slice rest = slice_from(*value, (size_t)open + 1);
		bool at = false, odd = false, quoted = false;
		size_t i = 0;
		for (; i < rest.len && (quoted || (rest.ptr[i] != '>' && rest.ptr[i] != '<'));
			i++) {
			char c = rest.ptr[i];
			at |= c == '@';
			odd |= c == '"' || c == '\\' || c == ' ' || c == '\t' || c == '\r' ||
			       c == '\n';
			if (c == '"')
				quoted = !quoted;
			else if (c == '\\' && i + 1 < rest.len)
				i++;
		}
		bool closed = i < rest.len && rest.ptr[i] == '>';
		*value = slice_from(rest, closed ? i + 1 : i);
		if (!closed || !at || i < 3)
			continue;
		struct slice id = slice(rest.ptr, i);
		*ret_id = odd ? normalised(id, arena) : id;
		return true;
	}
	*value = slice(value->ptr, 0);
	return false;
}
