/* Base64 both ways, strict and tolerant. */
#include "base/base64.h"

#include "base/wait.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* clang-format off */
#define NO16 -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
static const signed char DIGITS[256] = {
	NO16, NO16,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
	NO16, NO16, NO16, NO16, NO16, NO16, NO16, NO16,
};
/* clang-format on */

int base64_digit(char c)
{
	return DIGITS[(unsigned char)c];
}

void base64_encode(struct buf *to, struct slice bytes)
{
	char *out = buf_reserve(to, (bytes.len + 2) / 3 * 4);
	if (!out)
		return;
	const unsigned char *in = (const unsigned char *)bytes.ptr;
	size_t i = 0, n = 0;
	for (; i + 3 <= bytes.len; i += 3) {
		unsigned v = (unsigned)in[i] << 16 | (unsigned)in[i + 1] << 8 | in[i + 2];
		out[n++] = ALPHABET[v >> 18];
		out[n++] = ALPHABET[v >> 12 & 63];
		out[n++] = ALPHABET[v >> 6 & 63];
		out[n++] = ALPHABET[v & 63];
	}
	if (i < bytes.len) {
		unsigned v = (unsigned)in[i] << 16;
		bool two = i + 1 < bytes.len;
		if (two)
			v |= (unsigned)in[i + 1] << 8;
		out[n++] = ALPHABET[v >> 18];
		out[n++] = ALPHABET[v >> 12 & 63];
		out[n++] = two ? ALPHABET[v >> 6 & 63] : '=';
		out[n++] = '=';
	}
	to->len += n;
}

void base64_encode_lines(struct buf *to, struct slice bytes)
{
	enum { LINE_BYTES = 57 };
	for (size_t at = 0; at < bytes.len; at += LINE_BYTES) {
		base64_encode(to, slice_sub(bytes, at, LINE_BYTES));
		buf_add_str(to, "\r\n");
	}
}

bool base64_decode(struct buf *to, struct slice text)
{
	if (text.len % 4 != 0)
		return false;
	size_t padding = 0;
	while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	unsigned bits = 0;
	for (size_t i = 0; i < text.len - padding; i++) {
		int v = base64_digit(text.ptr[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (unsigned)v;
		if (i % 4)
			buf_add_byte(to, (char)(bits >> (6 - i % 4 * 2)));
	}
	return !to->failed;
}

/* Four digits to three bytes; false when one is none. */
static bool decode_four(const char *digits, char *out)
{
	int a = base64_digit(digits[0]), b = base64_digit(digits[1]);
	int c = base64_digit(digits[2]), d = base64_digit(digits[3]);
	if ((a | b | c | d) < 0)
		return false;
	unsigned v = (unsigned)a << 18 | (unsigned)b << 12 | (unsigned)c << 6 | (unsigned)d;
	out[0] = (char)(v >> 16);
	out[1] = (char)(v >> 8);
	out[2] = (char)v;
	return true;
}

void base64_decode_mail(struct buf *to, struct slice text)
{
	char *start = buf_reserve(to, text.len / 4 * 3 + 3), *out = start;
	if (!out)
		return;
	const char *p = text.ptr, *end = p + text.len;
	unsigned bits = 0, have = 0;
	while (p < end && *p != '=') {
		if (have == 0 && end - p >= 4 && decode_four(p, out)) {
			wait_give_way_over(p, p + 4);
			p += 4;
			out += 3;
			continue;
		}
		int v = base64_digit(*p++);
		if (v < 0)
			continue;
		bits = bits << 6 | (unsigned)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (char)(bits >> have);
		}
	}
	to->len += (size_t)(out - start);
}
