/* Modified UTF-7: printable ASCII as it is, "&-" for "&", all else as base64 of UTF-16 between "&"
 * and "-", with "," for "/". */
#include "message/utf7.h"

#include "base/base64.h"
#include "message/charset.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int value_of(char c)
{
	return c == ',' ? 63 : c == '/' ? -1 : base64_digit(c);
}

static bool is_direct(uint32_t c)
{
	return c >= ' ' && c <= '~';
}

static void add_character(uint32_t c, struct buf *to)
{
	char out[4];
	size_t n = 0;
	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xC0 | c >> 6);
	} else if (c < 0x10000) {
		out[n++] = (char)(0xE0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
	} else {
		out[n++] = (char)(0xF0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3F));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
	}
	if (c >= 0x80)
		out[n++] = (char)(0x80 | (c & 0x3F));
	buf_add(to, out, n);
}

/* The inside of "&…-", not empty. */
static bool decode_shift(struct slice text, struct buf *to)
{
	uint32_t bits = 0, lead = 0;
	unsigned have = 0;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.ptr[i]);
		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t)value) & 0x3FFFFF;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		uint32_t unit = bits >> have & 0xFFFF;
		bool is_trail = unit >= 0xDC00 && unit <= 0xDFFF;
		if (is_direct(unit) || is_trail != (lead != 0))
			return false;
		if (is_trail) {
			add_character(0x10000 + ((lead - 0xD800) << 10) + (unit - 0xDC00), to);
			lead = 0;
		} else if (unit >= 0xD800 && unit <= 0xDBFF) {
			lead = unit;
		} else {
			add_character(unit, to);
		}
	}
	return lead == 0 && have < 6 && (bits & ((1u << have) - 1)) == 0;
}

bool utf7_to_utf8(struct slice name, struct buf *to)
{
	bool after_shift = false;
	for (size_t i = 0; i < name.len; i++) {
		if (!is_direct((unsigned char)name.ptr[i]))
			return false;
		if (name.ptr[i] != '&') {
			buf_add_byte(to, name.ptr[i]);
			after_shift = false;
			continue;
		}
		ssize_t len = slice_find(slice_from(name, i + 1), '-');
		if (len < 0)
			return false;
		if (len == 0)
			buf_add_byte(to, '&');
		else if (after_shift || !decode_shift(slice_sub(name, i + 1, (size_t)len), to))
			return false;
		/* Two shifts in a row would be a second form of one. */
		after_shift = len > 0;
		i += (size_t)len + 1;
	}
	return !to->failed;
}

/* The character at `i` of valid UTF-8. */
static uint32_t next_character(struct slice s, size_t *i)
{
	uint32_t c = (unsigned char)s.ptr[(*i)++];
	int more = c < 0xC0 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
	if (more > 0)
		c &= 0x3Fu >> more;
	while (more-- > 0)
		c = c << 6 | ((unsigned char)s.ptr[(*i)++] & 0x3F);
	return c;
}

struct encoder {
	struct buf *to;
	uint32_t bits;
	unsigned have;
};

static void add_unit(struct encoder *e, uint32_t unit)
{
	e->bits = e->bits << 16 | unit;
	e->have += 16;
	while (e->have >= 6) {
		e->have -= 6;
		buf_add_byte(e->to, ALPHABET[e->bits >> e->have & 63]);
	}
	e->bits &= (1u << e->have) - 1;
}

bool utf7_from_utf8(struct slice name, struct buf *to)
{
	if (!utf8_is_valid(name))
		return false;
	for (size_t i = 0; i < name.len;) {
		if (is_direct((unsigned char)name.ptr[i])) {
			buf_add_byte(to, name.ptr[i]);
			if (name.ptr[i++] == '&')
				buf_add_byte(to, '-');
			continue;
		}
		struct encoder e = {.to = to};
		buf_add_byte(to, '&');
		while (i < name.len && !is_direct((unsigned char)name.ptr[i])) {
			uint32_t c = next_character(name, &i);
			if (c >= 0x10000) {
				add_unit(&e, 0xD800 + ((c - 0x10000) >> 10));
				c = 0xDC00 + (c & 0x3FF);
			}
			add_unit(&e, c);
		}
		if (e.have > 0)
			buf_add_byte(to, ALPHABET[e.bits << (6 - e.have) & 63]);
		buf_add_byte(to, '-');
	}
	return !to->failed;
}
