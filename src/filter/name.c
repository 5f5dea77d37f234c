/* Names of domains: cutting and comparing is done on the text as it is; only what people wrote
 * (addresses in headers and envelopes) goes through IDNA. */
#include "filter/name.h"

#include <unicode/uidna.h>

bool filter_name_is_valid(struct slice name)
{
	return dns_name_trim(name).len > 0 && dns_name_is_good(name);
}

size_t filter_name_labels(struct slice name)
{
	size_t count = 0;
	name = dns_name_trim(name);
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

bool filter_name_is_within(struct slice name, struct slice parent)
{
	name = dns_name_trim(name);
	parent = dns_name_trim(parent);
	if (parent.len == 0 || name.len < parent.len)
		return false;
	size_t at = name.len - parent.len;
	return slice_eq_nocase(slice_from(name, at), parent) &&
	       (at == 0 || name.ptr[at - 1] == '.');
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
	char text[DNS_NAME_MAX + 1];
	UIDNA *rules = uidna_openUTS46(
		UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
	if (U_FAILURE(status))
		return false;
	int32_t len = uidna_nameToASCII_UTF8(
		rules, name.ptr, (int32_t)name.len, text, sizeof(text), &info, &status);
	uidna_close(rules);
	if (U_FAILURE(status) || info.errors != 0 || len < 0 || (size_t)len > DNS_NAME_MAX)
		return false;
	*ret = arena_copy(arena, slice(text, (size_t)len));
	return filter_name_is_valid(*ret);
}

bool filter_name_to_ascii(struct slice name, struct arena *arena, struct slice *ret)
{
	enum { UTF8_MAX = 4 * DNS_NAME_MAX };
	name = dns_name_trim(name);
	if (name.len == 0 || name.len > UTF8_MAX)
		return false;
	if (!is_ascii(name))
		return idna(name, arena, ret);
	if (!filter_name_is_valid(name))
		return false;
	char text[DNS_NAME_MAX];
	for (size_t i = 0; i < name.len; i++)
		text[i] = slice_lower(name.ptr[i]);
	*ret = arena_copy(arena, slice(text, name.len));
	return true;
}
