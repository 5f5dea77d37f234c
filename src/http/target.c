/* Targets are passed on as they were spelled; so all that is done here is to refuse. */
#include "http/target.h"

static bool is_hex(char c)
{
	c = slice_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Browsers leave some more alone than RFC 3986 does, "|" or "[" in a query. */
static bool is_good_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c <= ' ' || c >= 127 || strchr("\"#<>\\`", c))
			return false;
		if (c == '%' &&
			(i + 2 >= text.len || !is_hex(text.ptr[i + 1]) || !is_hex(text.ptr[i + 2])))
			return false;
	}
	return true;
}

static bool is_port(struct slice text)
{
	uint64_t port;
	return slice_to_u64(text, 65535, &port) && text.len <= 5;
}

/* RFC 3986 section 3.2.2, IP-literal; what is in it is not looked at closely. */
static bool is_literal(struct slice text)
{
	for (size_t i = 1; i + 1 < text.len; i++)
		if (!is_hex(text.ptr[i]) && text.ptr[i] != ':' && text.ptr[i] != '.')
			return false;
	return text.len > 4 && text.ptr[text.len - 1] == ']';
}

/* Names as the DNS and Windows have them; RFC 3986 would allow much that is none. */
static bool is_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = slice_lower(text.ptr[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' &&
			c != '_')
			return false;
	}
	return text.len > 0 && text.len <= 255;
}

bool http_authority_is_good(struct slice authority)
{
	bool literal = authority.len > 0 && authority.ptr[0] == '[';
	ssize_t bracket = literal ? slice_find(authority, ']') : -1;
	if (literal && bracket < 0)
		return false;
	size_t from = literal ? (size_t)bracket + 1 : 0;
	ssize_t colon = slice_find(slice_from(authority, from), ':');
	struct slice host = authority;
	if (colon >= 0) {
		host.len = from + (size_t)colon;
		if (!is_port(slice_from(authority, host.len + 1)))
			return false;
	}
	return literal ? host.len == from && is_literal(host) : is_name(host);
}

bool http_target_read(struct slice *target, struct slice *ret_authority)
{
	static const char *const SCHEMES[] = {"http://", "https://"};
	*ret_authority = SLICE_NONE;
	if (!is_good_text(*target))
		return false;
	if (target->len > 0 && target->ptr[0] == '/')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
		if (!slice_starts_nocase(*target, slice_str(SCHEMES[i])))
			continue;
		struct slice rest = slice_from(*target, strlen(SCHEMES[i]));
		ssize_t path = slice_find(rest, '/');
		/* "http://host?query" and "http://host" have no path of their own to pass on. */
		if (path < 0)
			return false;
		*ret_authority = slice(rest.ptr, (size_t)path);
		*target = slice_from(rest, (size_t)path);
		return http_authority_is_good(*ret_authority);
	}
	return false;
}

bool http_target_is_below(struct slice target, struct slice path)
{
	struct slice own = slice_cut(&target, '?');
	if (!(slice_ends(path, SLICE("/")) ? slice_starts(own, path) : slice_eq(own, path)))
		return false;
	while (own.len > 0) {
		struct slice segment = slice_cut(&own, '/');
		if (slice_find(segment, '%') >= 0 || slice_eq(segment, SLICE("..")))
			return false;
	}
	return true;
}
