/* Borrowed bytes: a pointer and a length, passed by value. A slice owns nothing and need not end in
 * NUL; whoever made the bytes keeps them alive for as long as the slice is used. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct slice {
	const char *ptr;
	size_t len;
};

/* A slice of a string literal, without strlen(). */
#define SLICE(literal) ((struct slice){.ptr = (literal), .len = sizeof(literal) - 1})
#define SLICE_NONE     ((struct slice){.ptr = NULL, .len = 0})
/* For printf("%.*s"): SLICE_ARG(s). Longer slices are cut at INT_MAX. */
#define SLICE_ARG(s) (int)((s).len > INT32_MAX ? INT32_MAX : (s).len), ((s).ptr ? (s).ptr : "")

static inline struct slice slice(const void *ptr, size_t len)
{
	return (struct slice){.ptr = ptr, .len = len};
}

/* The bytes of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *str)
{
	return (struct slice){.ptr = str, .len = str ? strlen(str) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* From offset `from` to the end; past the end gives the empty slice. */
static inline struct slice slice_from(struct slice s, size_t from)
{
	if (from >= s.len)
		return slice(s.len ? s.ptr + s.len : s.ptr, 0);
	return slice(s.ptr + from, s.len - from);
}

/* At most `len` bytes from offset `from`. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len)
{
	struct slice r = slice_from(s, from);
	if (r.len > len)
		r.len = len;
	return r;
}

/* Offset of the first `byte`, or -1. */
static inline ssize_t slice_find(struct slice s, char byte)
{
	const char *p = s.len ? memchr(s.ptr, byte, s.len) : NULL;
	return p ? p - s.ptr : -1;
}

/* An ASCII letter in lower case; any other byte as it is. */
static inline char slice_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Byte order, as memcmp(); a prefix sorts first. */
int slice_cmp(struct slice a, struct slice b);
/* ASCII letters compare equal in either case; other bytes compare as they are. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts_nocase(struct slice s, struct slice prefix);
/* Offset of the first occurrence of `needle`, or -1. */
ssize_t slice_search(struct slice s, struct slice needle);
/* Without leading and trailing spaces, tabs, CR and LF. */
struct slice slice_trim(struct slice s);
/* Cuts the bytes before the first `separator` off the front of *rest and returns them; without a
 * separator returns all of *rest and leaves it empty. */
struct slice slice_cut(struct slice *rest, char separator);
/* Decimal digits only, no sign, no spaces. False when empty, not a number or past `max`. */
WARN_UNUSED bool slice_to_u64(struct slice s, uint64_t max, uint64_t *ret_value);
/* A heap copy that ends in NUL (bytes after an inner NUL are kept). The caller frees it. */
WARN_UNUSED char *slice_dup(struct slice s);

#endif
