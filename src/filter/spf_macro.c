/* Macros of SPF. One walk over the grammar (cut_item) serves the check of a record's syntax, which
 * must come first and for all of it, and the expansion. */
#include "filter/spf_macro.h"

#include "filter/name.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const char DELIMITERS[] = ".-+,/_=";

enum { PARTS_MAX = 256, KEEP_ALL = 1000 };

enum item_kind { ITEM_END, ITEM_LITERAL, ITEM_MACRO, ITEM_BAD };

/* A run of plain text, or one macro. */
struct item {
	struct slice literal; /* also what %%, %_ and %- stand for */
	char letter;          /* lower case */
	bool escape;          /* it was upper case */
	bool reverse;
	unsigned keep; /* parts on the right; KEEP_ALL */
	struct slice delimiters;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return ((unsigned char)c | 0x20) >= 'a' && ((unsigned char)c | 0x20) <= 'z';
}

static bool is_delimiter(char c)
{
	return c != '\0' && strchr(DELIMITERS, c) != NULL;
}

/* Behind "%{", up to "}". */
static enum item_kind parse_braces(struct slice s, enum filter_spf_place place, struct item *ret)
{
	const char *letters = place == FILTER_SPF_IN_TEXT ? "slodiphcrtv" : "slodiphv";
	size_t at = 1;
	unsigned digits = 0;
	if (s.len == 0 || !is_alpha(s.ptr[0]))
		return ITEM_BAD;
	ret->letter = (char)(s.ptr[0] | 0x20);
	ret->escape = ret->letter != s.ptr[0];
	if (!strchr(letters, ret->letter))
		return ITEM_BAD;
	for (; at < s.len && is_digit(s.ptr[at]); at++)
		digits = MIN(digits * 10 + (unsigned)(s.ptr[at] - '0'), (unsigned)KEEP_ALL);
	if (at > 1 && digits == 0)
		return ITEM_BAD;
	ret->keep = at > 1 ? digits : KEEP_ALL;
	ret->reverse = at < s.len && (s.ptr[at] | 0x20) == 'r';
	at += ret->reverse;
	ret->delimiters = slice_from(s, at);
	for (; at < s.len; at++)
		if (!is_delimiter(s.ptr[at]))
			return ITEM_BAD;
	if (ret->delimiters.len == 0)
		ret->delimiters = SLICE(".");
	return ITEM_MACRO;
}

static enum item_kind cut_percent(struct slice *rest, enum filter_spf_place place, struct item *ret)
{
	char next = '\0';
	if (rest->len > 1)
		next = rest->ptr[1];
	*rest = slice_from(*rest, 2);
	ret->literal = next == '%' ? SLICE("%") : next == '_' ? SLICE(" ") : SLICE("%20");
	if (next == '%' || next == '_' || next == '-')
		return ITEM_LITERAL;
	ssize_t end = next == '{' ? slice_find(*rest, '}') : -1;
	if (end < 0)
		return ITEM_BAD;
	struct slice inner = slice_sub(*rest, 0, (size_t)end);
	*rest = slice_from(*rest, (size_t)end + 1);
	return parse_braces(inner, place, ret);
}

static enum item_kind cut_item(struct slice *rest, enum filter_spf_place place, struct item *ret)
{
	size_t len = 0;
	*ret = (struct item){0};
	if (rest->len == 0)
		return ITEM_END;
	if (rest->ptr[0] == '%')
		return cut_percent(rest, place, ret);
	while (len < rest->len && rest->ptr[len] != '%') {
		char c = rest->ptr[len++];
		if (c < ' ' || c > '~' || (c == ' ' && place == FILTER_SPF_IN_DOMAIN))
			return ITEM_BAD;
	}
	ret->literal = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return ITEM_LITERAL;
}

bool filter_spf_is_macro_string(struct slice text, enum filter_spf_place place)
{
	struct item item;
	enum item_kind kind;
	do
		kind = cut_item(&text, place, &item);
	while (kind == ITEM_LITERAL || kind == ITEM_MACRO);
	return kind == ITEM_END;
}

/* toplabel of section 7.1: letters, digits and inner dashes, not digits alone. */
static bool is_top_label(struct slice label)
{
	bool other = false;
	if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (!is_alpha(label.ptr[i]) && !is_digit(label.ptr[i]) && label.ptr[i] != '-')
			return false;
		other = other || !is_digit(label.ptr[i]);
	}
	return other;
}

bool filter_spf_is_domain_spec(struct slice text)
{
	struct item item;
	enum item_kind kind, before = ITEM_END;
	struct slice rest = text, last = SLICE("");
	for (;;) {
		struct slice from = rest;
		kind = cut_item(&rest, FILTER_SPF_IN_DOMAIN, &item);
		if (kind == ITEM_BAD)
			return false;
		if (kind == ITEM_END)
			break;
		before = kind;
		/* "%%", "%_", "%-" are macro-expand of the grammar as well */
		if (from.ptr[0] == '%')
			before = ITEM_MACRO;
		last = item.literal;
	}
	if (before == ITEM_MACRO)
		return true;
	last = dns_name_trim(last);
	for (size_t at = last.len; at > 0; at--)
		if (last.ptr[at - 1] == '.')
			return is_top_label(slice_from(last, at));
	return false;
}

/* i: dotted quad, or 32 dotted nibbles. */
static void write_dotted(const struct filter_spf_values *v, struct buf *to)
{
	static const char HEX[] = "0123456789abcdef";
	if (v->is_ip4) {
		filter_spf_write_ip(v, to);
		return;
	}
	for (size_t i = 0; i < sizeof(v->ip); i++) {
		if (i > 0)
			buf_add_byte(to, '.');
		buf_add_byte(to, HEX[v->ip[i] >> 4]);
		buf_add_byte(to, '.');
		buf_add_byte(to, HEX[v->ip[i] & 15]);
	}
}

void filter_spf_write_ip(const struct filter_spf_values *v, struct buf *to)
{
	enum { MAPPED = 12 };
	char text[INET6_ADDRSTRLEN];
	const char *done = v->is_ip4 ? inet_ntop(AF_INET, v->ip + MAPPED, text, sizeof(text))
				     : inet_ntop(AF_INET6, v->ip, text, sizeof(text));
	buf_add_str(to, done ? done : "");
}

static struct slice value_of(char letter, const struct filter_spf_values *v, struct buf *room)
{
	switch (letter) {
	case 's':
		return v->sender;
	case 'l':
		return v->local;
	case 'o':
		return v->sender_domain;
	case 'd':
		return v->domain;
	case 'h':
		return v->helo;
	case 'r':
		return v->receiver.len ? v->receiver : SLICE("unknown");
	case 'v':
		return v->is_ip4 ? SLICE("in-addr") : SLICE("ip6");
	case 'p':
		return v->validated ? v->validated(v->context) : SLICE("unknown");
	case 'i':
		write_dotted(v, room);
		break;
	case 'c':
		filter_spf_write_ip(v, room);
		break;
	default:
		buf_printf(room, "%lld", (long long)v->now);
		break; /* t */
	}
	return buf_slice(room);
}

static void add_part(struct slice part, bool escape, struct buf *to)
{
	static const char HEX[] = "0123456789ABCDEF";
	if (!escape) {
		buf_add_slice(to, part);
		return;
	}
	for (size_t i = 0; i < part.len; i++) {
		unsigned char c = (unsigned char)part.ptr[i];
		if (is_alpha((char)c) || is_digit((char)c) || (c && strchr("-._~", c))) {
			buf_add_byte(to, (char)c);
			continue;
		}
		buf_add_byte(to, '%');
		buf_add_byte(to, HEX[c >> 4]);
		buf_add_byte(to, HEX[c & 15]);
	}
}

/* Splits, turns round, keeps what is on the right, joins with dots. */
static bool add_transformed(const struct item *item, struct slice value, struct buf *to)
{
	UNINITIALIZED struct slice parts[PARTS_MAX];
	size_t count = 0, start = 0;
	for (size_t at = 0; at <= value.len; at++) {
		if (at < value.len && slice_find(item->delimiters, value.ptr[at]) < 0)
			continue;
		if (count == PARTS_MAX)
			return false;
		parts[count++] = slice_sub(value, start, at - start);
		start = at + 1;
	}
	size_t first = count > item->keep ? count - item->keep : 0;
	for (size_t i = first; i < count; i++) {
		if (i > first)
			buf_add_byte(to, '.');
		add_part(parts[item->reverse ? count - 1 - i : i], item->escape, to);
	}
	return true;
}

bool filter_spf_expand(struct slice text, enum filter_spf_place place,
	const struct filter_spf_values *values, struct buf *to)
{
	struct item item;
	for (;;) {
		enum item_kind kind = cut_item(&text, place, &item);
		if (kind == ITEM_BAD)
			return false;
		if (kind == ITEM_END || to->failed)
			return true;
		if (kind == ITEM_LITERAL) {
			buf_add_slice(to, item.literal);
			continue;
		}
		AUTO(buf_free) struct buf room = BUF(128);
		if (!add_transformed(&item, value_of(item.letter, values, &room), to))
			return false;
	}
}

struct slice filter_spf_fit_name(struct slice expanded)
{
	struct slice name = dns_name_trim(expanded);
	while (name.len > DNS_NAME_MAX)
		name = filter_name_parent(name);
	return name;
}
