/* Names, label by label. */
#include "dns/name.h"

#include "base/must.h"

struct slice dns_name_trim(struct slice name)
{
	return name.len > 0 && name.ptr[name.len - 1] == '.' ? slice(name.ptr, name.len - 1) : name;
}

static bool is_label_char(char c)
{
	return c > ' ' && c < 127 && c != '.' && c != '\\';
}

static bool is_label(struct slice label)
{
	if (label.len == 0 || label.len > DNS_LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_label_char(label.ptr[i]))
			return false;
	return true;
}

bool dns_name_is_good(struct slice name)
{
	if (slice_eq(name, SLICE(".")))
		return true;
	struct slice rest = dns_name_trim(name);
	if (rest.len > DNS_NAME_MAX || (rest.len > 0 && rest.ptr[rest.len - 1] == '.'))
		return false;
	while (rest.len > 0)
		if (!is_label(slice_cut(&rest, '.')))
			return false;
	return true;
}

bool dns_name_eq(struct slice a, struct slice b)
{
	return slice_eq_nocase(dns_name_trim(a), dns_name_trim(b));
}

bool dns_name_cut(struct slice *rest, struct arena *arena, struct slice *ret_name)
{
	char text[DNS_NAME_MAX + 1];
	size_t len = 0, at = 0;
	for (;;) {
		if (at >= rest->len)
			return false;
		size_t label_len = (unsigned char)rest->ptr[at++];
		if (label_len == 0)
			break;
		struct slice label = slice_sub(*rest, at, label_len);
		if (label.len < label_len || !is_label(label) || len + label_len > DNS_NAME_MAX)
			return false;
		memcpy(text + len, label.ptr, label_len);
		len += label_len;
		text[len++] = '.';
		at += label_len;
	}
	*ret_name = arena_copy(arena, slice(text, len > 0 ? len - 1 : 0));
	*rest = slice_from(*rest, at);
	return true;
}

struct slice dns_name_to_wire(struct slice name, struct arena *arena)
{
	must(dns_name_is_good(name));
	struct slice rest = dns_name_trim(name);
	char *wire = arena_alloc(arena, rest.len + 2);
	size_t len = 0;
	while (rest.len > 0) {
		struct slice label = slice_cut(&rest, '.');
		wire[len++] = (char)label.len;
		memcpy(wire + len, label.ptr, label.len);
		len += label.len;
	}
	wire[len++] = '\0';
	return slice(wire, len);
}
