/* Names of domains: cutting and comparing is done on the text as it is; only what people wrote
 * (addresses in headers and envelopes) goes through IDNA. */
#include "filter/name.h"

#include <unicode/uidna.h>

struct slice filter_name_trim(struct slice name)
{
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	return name;
}

bool filter_name_is_valid(struct slice name)
{
	size_t label = 0;
	name = filter_name_trim(name);
	if (name.len == 0 || name.len > FILTER_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c < ' ' || c > '~')
			return false;
		if (c != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > FILTER_LABEL_MAX)
			return false;
		label = 0;
	}
	return label > 0 && label <= FILTER_LABEL_MAX;
}

size_t filter_name_labels(struct slice name)
{
	size_t count = 0;
	name = filter_name_trim(name);
	while (name.len > 0) {
		count++;
		name = filter_name_parent(name);
	}
	return count;
}

struct slice filter_name_parent(struct slice name)
{
	(void)slice_cut(&name, '.');
	return name;
}

bool filter_name_eq(struct slice a, struct slice b)
{
	return slice_eq_nocase(filter_name_trim(a), filter_name_trim(b));
}

bool filter_name_is_within(struct slice name, struct slice parent)
{
	name = filter_name_trim(name);
	parent = filter_name_trim(parent);
	if (parent.len == 0 || name.len < parent.len)
		return false;
	size_t at = name.len - parent.len;
	return slice_eq_nocase(slice_from(name, at), parent) &&
	       (at == 0 || name.ptr[at - 1] == '.');
}

static void lower(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] + 32);
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] > '~')
			return false;
	return true;
}

static bool idna(struct slice name, struct arena *arena, struct slice *ret)
{
	UErrorCode status = U_ZERO_ERROR;
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	char text[FILTER_NAME_MAX + 1];
	UIDNA *rules = uidna_openUTS46(
		UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
	if (U_FAILURE(status))
		return false;
	int32_t len = uidna_nameToASCII_UTF8(
		rules, name.ptr, (int32_t)name.len, text, sizeof(text), &info, &status);
	uidna_close(rules);
	if (U_FAILURE(status) || info.errors != 0 || len < 0 || (size_t)len > FILTER_NAME_MAX)
		return false;
	*ret = arena_copy(arena, slice(text, (size_t)len));
	return filter_name_is_valid(*ret);
}

bool filter_name_to_ascii(struct slice name, struct arena *arena, struct slice *ret)
{
	enum { UTF8_MAX = 4 * FILTER_NAME_MAX };
	name = filter_name_trim(name);
	if (name.len == 0 || name.len > UTF8_MAX)
		return false;
	if (!is_ascii(name))
		return idna(name, arena, ret);
	if (!filter_name_is_valid(name))
		return false;
	char text[FILTER_NAME_MAX];
	memcpy(text, name.ptr, name.len);
	lower(text, name.len);
	*ret = arena_copy(arena, slice(text, name.len));
	return true;
}
