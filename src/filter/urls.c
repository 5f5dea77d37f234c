/* A URL's host is read as browsers read it, for who sends junk knows them well: percent signs and
 * references are undone, what stands before "@" is nobody's, an address may be one number. Where a
 * URL's host ends is all that matters of it. */
#include "filter/urls.h"

#include "base/buf.h"
#include "dns/idn.h"
#include "message/message.h"

#include <arpa/inet.h>

enum { HOST_MAX = 512, REFERENCE_MAX = 10 };

struct scan {
	struct slice rest; /* of the text, from the host on */
	bool html;
	const struct filter_suffixes *suffixes;
	struct arena *arena;
	struct filter_urls *urls;
};

static int hex(char c)
{
	c = slice_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_word(char c)
{
	c = slice_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static void add_utf8(struct buf *to, uint32_t point)
{
	if (point < 0x80) {
		buf_add_byte(to, (char)point);
	} else if (point < 0x800) {
		buf_add_byte(to, (char)(0xc0 | point >> 6));
		buf_add_byte(to, (char)(0x80 | (point & 0x3f)));
	} else if (point < 0x10000) {
		buf_add_byte(to, (char)(0xe0 | point >> 12));
		buf_add_byte(to, (char)(0x80 | (point >> 6 & 0x3f)));
		buf_add_byte(to, (char)(0x80 | (point & 0x3f)));
	}
}

/* "&#46;" or "&#x2e;" at the front; its length, 0: there is none. */
static size_t read_reference(struct slice s, uint32_t *ret_point)
{
	size_t i = 2;
	unsigned base = 10;
	uint32_t point = 0;
	if (!slice_starts(s, SLICE("&#")))
		return 0;
	if (s.len > i && slice_lower(s.ptr[i]) == 'x') {
		base = 16;
		i++;
	}
	for (; i < s.len && i < REFERENCE_MAX && s.ptr[i] != ';'; i++) {
		int digit = hex(s.ptr[i]);
		if (digit < 0 || digit >= (int)base)
			return 0;
		point = point * base + (unsigned)digit;
	}
	*ret_point = point;
	return i < s.len && s.ptr[i] == ';' && point > 0 ? i + 1 : 0;
}

/* A character of the rest, undone, and how long it is there. Bytes of UTF-8 are taken one by one.
 */
static size_t read_character(const struct scan *s, uint32_t *ret_point)
{
	struct slice rest = s->rest;
	size_t len = s->html ? read_reference(rest, ret_point) : 0;
	if (len > 0)
		return len;
	*ret_point = (unsigned char)rest.ptr[0];
	if (rest.ptr[0] != '%' || rest.len < 3 || hex(rest.ptr[1]) < 0 || hex(rest.ptr[2]) < 0)
		return 1;
	*ret_point = (uint32_t)(hex(rest.ptr[1]) << 4 | hex(rest.ptr[2]));
	return 3;
}

static bool ends_host(uint32_t point)
{
	return point <= ' ' || (point < 0x80 && strchr("/\\?#\"'<>()[]{}|,;`^&", (int)point));
}

/* What stands between the slashes and the path. */
static void read_authority(struct scan *s, struct buf *to)
{
	while (s->rest.len > 0 && to->len < HOST_MAX) {
		uint32_t point;
		size_t len = read_character(s, &point);
		if (ends_host(point))
			break;
		if (len > 3 || point < 0x80)
			add_utf8(to, point);
		else
			buf_add_byte(to, (char)point);
		s->rest = slice_from(s->rest, len);
	}
}

/* Without a name and password in front, and a port behind. */
static struct slice host_of(struct slice authority)
{
	const char *at = authority.len > 0 ? memrchr(authority.ptr, '@', authority.len) : NULL;
	if (at)
		authority = slice_from(authority, (size_t)(at - authority.ptr) + 1);
	authority = slice_cut(&authority, ':');
	while (slice_ends(authority, SLICE(".")))
		authority.len--;
	return authority;
}

/* "192.0.2.1", and "3221225985", "0xc0.0.2.1" for the same. */
static bool read_ipv4(struct slice host, struct arena *arena, struct slice *ret_name)
{
	char text[64];
	struct in_addr address;
	if (host.len == 0 || host.len >= sizeof(text) || host.ptr[0] < '0' || host.ptr[0] > '9')
		return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (slice_find(host, ' ') >= 0 || inet_aton(text, &address) == 0)
		return false;
	uint32_t ip = ntohl(address.s_addr);
	*ret_name = slice_str(arena_printf(
		arena, "%u.%u.%u.%u", ip & 255, ip >> 8 & 255, ip >> 16 & 255, ip >> 24));
	return true;
}

/* What ends in a number is an address or nothing. */
static bool is_host(struct slice name)
{
	const char *dot = memrchr(name.ptr, '.', name.len);
	for (size_t i = 0; i < name.len; i++)
		if (!is_word(name.ptr[i]) && name.ptr[i] != '.')
			return false;
	return dot && !(dot[1] >= '0' && dot[1] <= '9');
}

static void add_host(struct scan *s, struct slice host)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_urls *urls = s->urls;
	struct slice name;
	if (!read_ipv4(host, &arena, &name)) {
		if (!dns_name_to_ascii(host, &arena, &name) || !is_host(name))
			return;
		name = filter_suffixes_registered(s->suffixes, name);
	}
	if (name.len == 0)
		return;
	for (size_t i = 0; i < urls->count; i++)
		if (slice_eq(urls->names[i], name))
			return;
	if (urls->count < FILTER_URLS_MAX)
		urls->names[urls->count++] = arena_copy(s->arena, name);
}

static void take_host(struct scan *s)
{
	AUTO(buf_free) struct buf authority = BUF(HOST_MAX + 8);
	read_authority(s, &authority);
	add_host(s, host_of(buf_slice(&authority)));
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* At a ":": is there a scheme in front and slashes behind? How many bytes to the host; 0: no. */
static size_t scheme_at(struct slice text, size_t colon)
{
	static const char *const SCHEMES[] = {"http", "https", "ftp"};
	size_t begin = colon, end = colon + 1;
	while (begin > 0 && is_word(text.ptr[begin - 1]) && colon - begin <= 8)
		begin--;
	while (end < text.len && is_slash(text.ptr[end]))
		end++;
	if (end < colon + 3)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++)
		if (slice_eq_nocase(slice_sub(text, begin, colon - begin), slice_str(SCHEMES[i])))
			return end - colon;
	return 0;
}

static bool is_www(struct slice text, size_t at)
{
	bool begins = at == 0 || !(is_word(text.ptr[at - 1]) || strchr(".@/\\", text.ptr[at - 1]));
	return begins && slice_starts_nocase(slice_from(text, at), SLICE("www."));
}

void filter_urls_scan(struct slice text, bool html, const struct filter_suffixes *suffixes,
	struct arena *arena, struct filter_urls *urls)
{
	struct scan s = {.html = html, .suffixes = suffixes, .arena = arena, .urls = urls};
	for (size_t at = 0; at < text.len && urls->count < FILTER_URLS_MAX;) {
		char c = text.ptr[at];
		size_t skip = c == ':' ? scheme_at(text, at) : 0;
		if (skip == 0 && !(slice_lower(c) == 'w' && is_www(text, at))) {
			at++;
			continue;
		}
		s.rest = slice_from(text, at + skip);
		take_host(&s);
		at = MAX((size_t)(s.rest.ptr - text.ptr), at + 1);
	}
}

static void scan_part(
	const struct message_part *part, struct slice message, size_t *left, struct scan *s)
{
	AUTO(buf_free) struct buf text = BUF(2 * FILTER_URLS_BYTES);
	struct message_part front = *part;
	if (!slice_eq_nocase(part->type, SLICE("text")) || *left == 0)
		return;
	/* Decoded it is not longer; quoted-printable may be a third of that. */
	front.body_len = MIN(part->body_len, 2 * *left);
	message_decode_body(&front, message, &text);
	struct slice decoded = slice_sub(buf_slice(&text), 0, *left);
	*left -= decoded.len;
	filter_urls_scan(decoded, slice_eq_nocase(part->subtype, SLICE("html")), s->suffixes,
		s->arena, s->urls);
}

void filter_urls_find(struct slice message, const struct filter_suffixes *suffixes,
	struct arena *arena, struct filter_urls *ret_urls)
{
	AUTO(arena_free) struct arena parts = ARENA_EMPTY;
	size_t left = FILTER_URLS_BYTES;
	struct scan s = {.suffixes = suffixes, .arena = arena, .urls = ret_urls};
	*ret_urls = (struct filter_urls){0};
	const struct message_part *part = message_parse(message, &parts);
	while (part) {
		if (part->kind == MESSAGE_LEAF)
			scan_part(part, message, &left, &s);
		if (part->first_child) {
			part = part->first_child;
			continue;
		}
		while (part && !part->next)
			part = part->parent;
		part = part ? part->next : NULL;
	}
}
