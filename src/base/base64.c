/* Base64 both ways, strict and tolerant. */
#include "base/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
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

void base64_decode_mail(struct buf *to, struct slice text)
{
	char *out = buf_reserve(to, text.len / 4 * 3 + 3);
	if (!out)
		return;
	unsigned bits = 0, have = 0;
	for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
		int v = base64_digit(text.ptr[i]);
		if (v < 0)
			continue;
		bits = bits << 6 | (unsigned)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (char)(bits >> have);
			to->len++;
		}
	}
}
