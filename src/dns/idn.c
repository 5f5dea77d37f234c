/* Nearly all names are ASCII and need no ICU, whose objects are cheap to open and kept by nobody.
 */
#include "dns/idn.h"

#include <unicode/uidna.h>

enum { UTF8_MAX = 4 * DNS_NAME_MAX };

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] > '~')
			return false;
	return true;
}

/* The final dot is off: another one would be an empty label. */
static bool is_good(struct slice name)
{
	return name.len > 0 && !slice_ends(name, SLICE(".")) && dns_name_is_good(name);
}

static bool idna(struct slice name, struct arena *arena, struct slice *ret_name)
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
	*ret_name = arena_copy(arena, dns_name_trim(slice(text, (size_t)len)));
	return is_good(*ret_name);
}

bool dns_name_to_ascii(struct slice name, struct arena *arena, struct slice *ret_name)
{
	name = dns_name_trim(name);
	if (name.len == 0 || name.len > UTF8_MAX)
		return false;
	if (!is_ascii(name))
		return idna(name, arena, ret_name);
	if (!is_good(name))
		return false;
	char text[DNS_NAME_MAX];
	for (size_t i = 0; i < name.len; i++)
		text[i] = slice_lower(name.ptr[i]);
	*ret_name = arena_copy(arena, slice(text, name.len));
	return true;
}
