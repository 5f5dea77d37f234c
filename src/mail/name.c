/* Names of mailboxes: NFC, so that what looks the same is the same; no controls (RFC 5198). */
#include "mail/mailbox.h"
#include "mail/name_internal.h"

#include "message/charset.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

/* UTF-8 of MAIL_NAME_MAX bytes is at most so many UTF-16 units; NFC grows at most threefold. */
enum { UNITS_MAX = MAIL_NAME_MAX * 4, NORMAL_MAX = UNITS_MAX * 3 + 1 };

static int no_name(struct err *err, const char *why)
{
	return err_permanent(err, ERR_BAD_INPUT, "mailbox name %s", why);
}

/* C0, DEL, C1, and the line and paragraph separators; `s` is valid UTF-8. */
static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		unsigned char next = i + 1 < s.len ? (unsigned char)s.ptr[i + 1] : 0;
		unsigned char third = i + 2 < s.len ? (unsigned char)s.ptr[i + 2] : 0;
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0) ||
			(c == 0xe2 && next == 0x80 && (third == 0xa8 || third == 0xa9)))
			return true;
	}
	return false;
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

static int normalise(
	struct slice name, struct arena *arena, struct slice *ret_name, struct err *err)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar units[UNITS_MAX], normal[NORMAL_MAX];
	int32_t unit_count, len;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
	u_strFromUTF8(units, UNITS_MAX, &unit_count, name.ptr, (int32_t)name.len, &status);
	int32_t normal_count =
		unorm2_normalize(nfc, units, unit_count, normal, NORMAL_MAX, &status);
	char *text = arena_alloc(arena, (size_t)MAX(normal_count, 0) * 3 + 1);
	u_strToUTF8(text, normal_count * 3 + 1, &len, normal, normal_count, &status);
	if (U_FAILURE(status))
		return err_temporary(err, ERR_OTHER, "mailbox name could not be normalised: %s",
			u_errorName(status));
	*ret_name = slice(text, (size_t)len);
	return 0;
}

/* As the first level in any case; the arena's bytes are the caller's to change. */
static struct slice capital_inbox(struct slice name, struct arena *arena)
{
	ssize_t end = slice_find(name, MAIL_SEPARATOR);
	struct slice first = slice_sub(name, 0, end < 0 ? name.len : (size_t)end);
	if (!slice_eq_nocase(first, SLICE("INBOX")))
		return name;
	struct slice copy = arena_copy(arena, name);
	memcpy((char *)copy.ptr, "INBOX", 5);
	return copy;
}

int mail_name_check(struct slice name, struct arena *arena, struct slice *ret_name, struct err *err)
{
	struct slice checked = name;
	if (name.len == 0)
		return no_name(err, "is empty");
	if (name.len > MAIL_NAME_MAX)
		return no_name(err, "is too long");
	if (!utf8_is_valid(name))
		return no_name(err, "is not valid UTF-8");
	if (!is_ascii(name)) {
		int r = normalise(name, arena, &checked, err);
		if (r < 0)
			return r;
		if (checked.len > MAIL_NAME_MAX)
			return no_name(err, "is too long");
	}
	if (has_control(checked))
		return no_name(err, "has control characters");
	unsigned levels = 0;
	struct slice rest = checked;
	for (bool more = true; more; levels++) {
		more = slice_find(rest, MAIL_SEPARATOR) >= 0;
		if (slice_cut(&rest, MAIL_SEPARATOR).len == 0)
			return no_name(err, "has an empty level");
	}
	if (levels > MAIL_LEVELS_MAX)
		return no_name(err, "has too many levels");
	*ret_name = capital_inbox(arena_copy(arena, checked), arena);
	return 0;
}

bool mail_name_is_inbox(struct slice name)
{
	return slice_eq(name, SLICE("INBOX"));
}

bool mail_name_is_below(struct slice name, struct slice parent)
{
	return name.len > parent.len && slice_starts(name, parent) &&
	       name.ptr[parent.len] == MAIL_SEPARATOR;
}
