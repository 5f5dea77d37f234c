/* Comparing, searching and cutting borrowed bytes. */
#include "base/slice.h"

#include "base/alloc.h"

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = MIN(a.len, b.len);
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
	if (s.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++)
		if (slice_lower(s.ptr[i]) != slice_lower(prefix.ptr[i]))
			return false;
	return true;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && slice_starts_nocase(a, b);
}

ssize_t slice_search(struct slice s, struct slice needle)
{
	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return -1;
	const char *p = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return p ? p - s.ptr : -1;
}

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && is_white(s.ptr[0]))
		s = slice_from(s, 1);
	while (s.len > 0 && is_white(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct slice slice_cut(struct slice *rest, char separator)
{
	ssize_t at = slice_find(*rest, separator);
	struct slice head = *rest;
	if (at < 0) {
		*rest = slice_from(*rest, rest->len);
		return head;
	}
	head.len = (size_t)at;
	*rest = slice_from(*rest, (size_t)at + 1);
	return head;
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.ptr[i] - '0';
		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*ret_value = value;
	return true;
}

char *slice_dup(struct slice s)
{
	char *copy = alloc(s.len + 1);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}
