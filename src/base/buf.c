/* Growing bytes that fail softly at their maximum. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 64 };

void buf_free(struct buf *b)
{
	free(b->data);
	*b = BUF(b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

char *buf_reserve(struct buf *b, size_t more)
{
	if (b->failed || more > b->max || b->len > b->max - more) {
		b->failed = true;
		return NULL;
	}
	if (b->cap - b->len < more) {
		size_t want = MAX(b->cap + b->cap / 2, b->len + more);
		want = MIN(MAX(want, (size_t)SMALLEST), MAX(b->max, b->len + more));
		char *grown = realloc(b->data, want);
		if (!grown) {
			b->failed = true;
			return NULL;
		}
		b->data = grown;
		b->cap = want;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0)
		return;
	char *room = buf_reserve(b, len);
	if (!room)
		return;
	memcpy(room, data, len);
	b->len += len;
}

void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_add_str(struct buf *b, const char *str)
{
	buf_add(b, str, strlen(str));
}

void buf_add_byte(struct buf *b, char byte)
{
	buf_add(b, &byte, 1);
}

void buf_add_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (need < 0) {
		b->failed = true;
		return;
	}
	/* One byte more than counted: vsnprintf() ends in NUL. */
	size_t max = b->max;
	b->max = max == SIZE_MAX ? max : max + 1;
	char *room = buf_reserve(b, (size_t)need + 1);
	b->max = max;
	if (!room)
		return;
	va_start(args, format);
	(void)vsnprintf(room, (size_t)need + 1, format, args);
	va_end(args);
	b->len += (size_t)need;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}

const char *buf_cstr(struct buf *b)
{
	size_t max = b->max;
	bool failed = b->failed;
	b->failed = false;
	b->max = max == SIZE_MAX ? max : max + 1;
	char *room = buf_reserve(b, 1);
	b->max = max;
	b->failed = failed;
	if (!room)
		return "";
	*room = '\0';
	return b->data;
}

char *buf_steal(struct buf *b, size_t *ret_len)
{
	if (b->failed)
		return NULL;
	(void)buf_cstr(b);
	char *data = b->data;
	if (ret_len)
		*ret_len = b->len;
	*b = BUF(b->max);
	return data;
}
