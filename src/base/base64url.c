/* The other base64 with two letters changed. */
#include "base/base64url.h"

#include "base/base64.h"

void base64url_encode(struct buf *to, struct slice bytes)
{
	size_t from = to->len;
	base64_encode(to, bytes);
	if (to->failed)
		return;
	while (to->len > from && to->data[to->len - 1] == '=')
		to->len--;
	for (size_t i = from; i < to->len; i++)
		to->data[i] = to->data[i] == '+' ? '-' : to->data[i] == '/' ? '_' : to->data[i];
}

bool base64url_is(struct slice text, size_t most)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '+' || c == '/' || (c != '-' && c != '_' && base64_digit(c) < 0))
			return false;
	}
	return text.len > 0 && text.len <= most;
}

bool base64url_decode(struct buf *to, struct slice text)
{
	while (text.len > 0 && text.ptr[text.len - 1] == '=')
		text.len--;
	AUTO(buf_free) struct buf plain = BUF(text.len + 4);
	if (text.len > 0 && !base64url_is(text, text.len))
		return false;
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(&plain, text.ptr[i] == '-'   ? '+'
				     : text.ptr[i] == '_' ? '/'
							  : text.ptr[i]);
	while (plain.len % 4 != 0)
		buf_add_byte(&plain, '=');
	bool good = !plain.failed && base64_decode(to, buf_slice(&plain));
	if (plain.data)
		explicit_bzero(plain.data, plain.len);
	return good && !to->failed;
}
