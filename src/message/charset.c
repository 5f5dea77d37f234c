/* Character sets. UTF-8 and the Latin-1 family, nearly all of mail, are converted here; the rest by
 * ICU, whose converters cost a hundred times a short conversion to open: each thread keeps the few
 * that it used last and closes them when it ends. */
#include "message/charset.h"

#include "base/alloc.h"
#include "base/must.h"

#include <pthread.h>
#include <unicode/ucnv.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

enum { NAME_MAX_LEN = 64, KEPT = 6, CHUNK = 2048 };

/* How mail uses a name, where that is more than the standard says. Sorted by name. */
static const struct alias {
	const char *name, *meant;
} ALIASES[] = {
	{"ansi_x3.4-1968", "us-ascii"},
	{"ascii", "us-ascii"},
	{"cp-850", "ibm850"},
	{"cp1252", "windows-1252"},
	{"cp932", "windows-31j"},
	{"cp936", "gb18030"},
	{"cp949", "windows-949"},
	{"euc-cn", "gb18030"},
	{"euc-kr", "windows-949"},
	{"gb2312", "gb18030"},
	{"gb_2312-80", "gb18030"},
	{"gbk", "gb18030"},
	{"hz-gb-2312", "hz"},
	{"iso-8859-1", "windows-1252"},
	{"iso-8859-1-windows-3.1-latin-1", "windows-1252"},
	{"iso-8859-11", "windows-874"},
	{"iso-8859-6-i", "iso-8859-6"},
	{"iso-8859-8-i", "iso-8859-8"},
	{"iso-8859-9", "windows-1254"},
	{"iso8859-1", "windows-1252"},
	{"iso_8859-1", "windows-1252"},
	{"ks_c_5601", "windows-949"},
	{"ks_c_5601-1987", "windows-949"},
	{"ks_c_5601-1989", "windows-949"},
	{"ksc5601", "windows-949"},
	{"latin-1", "windows-1252"},
	{"latin1", "windows-1252"},
	{"mac", "macintosh"},
	{"shift-jis", "windows-31j"},
	{"shift_jis", "windows-31j"},
	{"sjis", "windows-31j"},
	{"tis-620", "windows-874"},
	{"unicode-1-1-utf-7", "utf-7"},
	{"unicode-1-1-utf-8", "utf-8"},
	{"utf8", "utf-8"},
	{"x-big5", "big5"},
	{"x-euc-jp", "euc-jp"},
	{"x-gbk", "gb18030"},
	{"x-mac-roman", "macintosh"},
	{"x-sjis", "windows-31j"},
	{"x-unicode-2-0-utf-7", "utf-7"},
	{"x-windows-949", "windows-949"},
};

/* 0x80 … 0x9F of windows-1252; its five holes as ISO 8859-1 has them. */
static const uint16_t WINDOWS_1252[32] = {0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020,
	0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F, 0x90, 0x2018, 0x2019,
	0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,
	0x017E, 0x0178};

struct kept_converter {
	char name[NAME_MAX_LEN];
	UConverter *icu;
};

/* One thread's converters, the last used first. */
struct converters {
	struct kept_converter kept[KEPT];
	unsigned count;
};

static pthread_key_t converters_key;
static pthread_once_t converters_once = PTHREAD_ONCE_INIT;

static void close_converters(void *pointer)
{
	struct converters *all = pointer;
	for (unsigned i = 0; i < all->count; i++)
		ucnv_close(all->kept[i].icu);
	free(all);
}

static void make_key(void)
{
	must(pthread_key_create(&converters_key, close_converters) == 0);
}

static UConverter *open_converter(const char *name)
{
	UErrorCode status = U_ZERO_ERROR;
	/* The alias table knows every converter; ICU would look for files of unknown names. */
	if (ucnv_countAliases(name, &status) == 0 || U_FAILURE(status))
		return NULL;
	UConverter *icu = ucnv_open(name, &status);
	return U_SUCCESS(status) ? icu : NULL;
}

/* The thread's converter of that name, reset; NULL when the charset is unknown. */
static UConverter *get_converter(const char *name)
{
	(void)pthread_once(&converters_once, make_key);
	struct converters *all = pthread_getspecific(converters_key);
	if (!all) {
		all = ALLOC(struct converters);
		(void)pthread_setspecific(converters_key, all);
	}
	unsigned at = 0;
	while (at < all->count && strcmp(all->kept[at].name, name) != 0)
		at++;
	struct kept_converter found;
	if (at < all->count) {
		found = all->kept[at];
	} else {
		found.icu = open_converter(name);
		if (!found.icu)
			return NULL;
		memcpy(found.name, name, strlen(name) + 1);
		if (all->count == KEPT)
			ucnv_close(all->kept[KEPT - 1].icu);
		else
			all->count++;
		at = all->count - 1;
	}
	memmove(&all->kept[1], &all->kept[0], at * sizeof(all->kept[0]));
	all->kept[0] = found;
	ucnv_reset(found.icu);
	return found.icu;
}

static int compare_alias(const void *name, const void *alias)
{
	return strcmp(name, ((const struct alias *)alias)->name);
}

/* Lower case, and what mail means by it. False when it can be no charset's name. */
static bool read_name(struct slice charset, char name[NAME_MAX_LEN])
{
	if (charset.len == 0 || charset.len >= NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < charset.len; i++) {
		char c = charset.ptr[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			  c == '_' || c == '.' || c == ':' || c == '+' || c == '(' || c == ')';
		if (!ok)
			return false;
		name[i] = c;
	}
	name[charset.len] = '\0';
	const struct alias *alias =
		bsearch(name, ALIASES, ARRAY_LEN(ALIASES), sizeof(ALIASES[0]), compare_alias);
	if (alias)
		memcpy(name, alias->meant, strlen(alias->meant) + 1);
	return true;
}

/* Length of the valid UTF-8 at the front. */
static size_t valid_len(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;
	size_t i = 0;
	while (i < s.len) {
		uint64_t eight;
		if (s.len - i >= sizeof(eight)) {
			memcpy(&eight, p + i, sizeof(eight));
			if ((eight & 0x8080808080808080u) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		uint8_t lead = p[i];
		size_t left = s.len - i;
		if (lead < 0x80) {
			i++;
		} else if (lead >= 0xC2 && lead <= 0xDF && left >= 2 && (p[i + 1] & 0xC0) == 0x80) {
			i += 2;
		} else if (left >= 3 && U8_IS_VALID_LEAD3_AND_T1(lead, p[i + 1]) &&
			   (lead & 0xF0) == 0xE0 && (p[i + 2] & 0xC0) == 0x80) {
			i += 3;
		} else if (left >= 4 && lead >= 0xF0 && lead <= 0xF4 &&
			   U8_IS_VALID_LEAD4_AND_T1(lead, p[i + 1]) && (p[i + 2] & 0xC0) == 0x80 &&
			   (p[i + 3] & 0xC0) == 0x80) {
			i += 4;
		} else {
			break;
		}
	}
	return i;
}

bool utf8_is_valid(struct slice s)
{
	return valid_len(s) == s.len;
}

/* Valid runs as they are; each byte between them as U+FFFD, one for a run of stray trail bytes. */
static void add_utf8(struct slice bytes, struct buf *to)
{
	while (bytes.len > 0) {
		size_t valid = valid_len(bytes);
		buf_add(to, bytes.ptr, valid);
		if (valid == bytes.len)
			break;
		buf_add_str(to, "\xEF\xBF\xBD");
		do
			valid++;
		while (valid < bytes.len && ((uint8_t)bytes.ptr[valid] & 0xC0) == 0x80);
		bytes = slice_from(bytes, valid);
	}
}

static char *put_windows_1252(unsigned c, char *out)
{
	if (c >= 0x80 && c < 0xA0)
		c = WINDOWS_1252[c - 0x80];
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xC0 | c >> 6);
	} else {
		*out++ = (char)(0xE0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
	}
	*out++ = (char)(0x80 | (c & 0x3F));
	return out;
}

static void add_windows_1252(struct slice bytes, struct buf *to)
{
	char utf8[CHUNK * 3];
	while (bytes.len > 0 && !to->failed) {
		struct slice chunk = slice_sub(bytes, 0, CHUNK);
		char *out = utf8;
		for (size_t i = 0; i < chunk.len; i++)
			out = put_windows_1252((uint8_t)chunk.ptr[i], out);
		buf_add(to, utf8, (size_t)(out - utf8));
		bytes = slice_from(bytes, chunk.len);
	}
}

/* Returns a lead surrogate in which the units end, for the next ones; else 0. */
static UChar add_utf16(const UChar *units, int32_t count, struct buf *to)
{
	char utf8[(CHUNK + 1) * 3];
	UChar lead = 0;
	UErrorCode status = U_ZERO_ERROR;
	int32_t len = 0;
	if (count > 0 && U16_IS_LEAD(units[count - 1]))
		lead = units[--count];
	u_strToUTF8WithSub(utf8, sizeof(utf8), &len, units, count, 0xFFFD, NULL, &status);
	if (U_SUCCESS(status))
		buf_add(to, utf8, (size_t)len);
	return lead;
}

static void add_by_icu(UConverter *icu, struct slice bytes, struct buf *to)
{
	UChar units[CHUNK + 1], lead = 0;
	const char *from = bytes.len ? bytes.ptr : "", *end = from + bytes.len;
	UErrorCode status;
	do {
		UChar *at = units;
		if (lead)
			*at++ = lead;
		status = U_ZERO_ERROR;
		ucnv_toUnicode(icu, &at, units + CHUNK, &from, end, NULL, true, &status);
		if (U_FAILURE(status) && status != U_BUFFER_OVERFLOW_ERROR) {
			*at++ = 0xFFFD;
			from = end;
		}
		/* ICU's own mark for single bytes that stand for nothing. */
		for (UChar *u = units; u < at; u++)
			if (*u == 0x1A)
				*u = 0xFFFD;
		lead = add_utf16(units, (int32_t)(at - units), to);
	} while (status == U_BUFFER_OVERFLOW_ERROR && !to->failed);
	if (lead)
		buf_add_str(to, "\xEF\xBF\xBD");
}

bool charset_to_utf8(struct slice charset, struct slice bytes, struct buf *to)
{
	char name[NAME_MAX_LEN];
	if (!read_name(charset, name))
		return false;
	if (strcmp(name, "utf-8") == 0) {
		add_utf8(bytes, to);
	} else if (strcmp(name, "us-ascii") == 0) {
		charset_guess_to_utf8(bytes, to); /* 8-bit text often says so too */
	} else if (strcmp(name, "windows-1252") == 0) {
		add_windows_1252(bytes, to);
	} else {
		UConverter *icu = get_converter(name);
		if (!icu)
			return false;
		add_by_icu(icu, bytes, to);
	}
	return true;
}

void charset_guess_to_utf8(struct slice bytes, struct buf *to)
{
	if (utf8_is_valid(bytes))
		buf_add_slice(to, bytes);
	else
		add_windows_1252(bytes, to);
}

bool charset_is_known(struct slice charset)
{
	char name[NAME_MAX_LEN];
	UErrorCode status = U_ZERO_ERROR;
	return read_name(charset, name) && ucnv_countAliases(name, &status) > 0;
}
