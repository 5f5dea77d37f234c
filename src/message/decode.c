/* Transfer encodings undone: what is malformed stays as it was. */
#include "message/decode_internal.h"

#include "base/wait.h"
#include "message/message.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that two hex digits at text[i] stand for, or -1. */
static int hex_byte(struct slice text, size_t i)
{
	if (text.len < 2 || i > text.len - 2)
		return -1;
	int high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static void decode_hex(struct slice text, char escape, bool underscores, struct buf *to)
{
	char *out = text.len ? buf_reserve(to, text.len) : NULL;
	if (!out)
		return;
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		int byte = text.ptr[i] == escape ? hex_byte(text, i + 1) : -1;
		if (byte >= 0) {
			out[n++] = (char)byte;
			i += 2;
		} else {
			out[n++] = underscores && text.ptr[i] == '_' ? ' ' : text.ptr[i];
		}
	}
	to->len += n;
}

void decode_q(struct slice text, struct buf *to)
{
	decode_hex(text, '=', true, to);
}

void decode_percent(struct slice text, struct buf *to)
{
	decode_hex(text, '%', false, to);
}

/* One line without its end; true when it ends in a soft line break. */
static bool decode_qp_line(const char *p, const char *end, char **out)
{
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	while (p < end) {
		const char *escape = memchr(p, '=', (size_t)(end - p));
		size_t plain = (size_t)((escape ? escape : end) - p);
		memcpy(*out, p, plain);
		*out += plain;
		if (!escape)
			return false;
		if (escape + 1 == end)
			return true;
		int byte = hex_byte(slice(escape, (size_t)(end - escape)), 1);
		*(*out)++ = byte >= 0 ? (char)byte : '=';
		p = escape + (byte >= 0 ? 3 : 1);
	}
	return false;
}

void decode_quoted_printable(struct slice text, struct buf *to)
{
	char *room = text.len ? buf_reserve(to, text.len) : NULL, *out = room;
	if (!room)
		return;
	const char *p = text.ptr, *end = p + text.len;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf ? lf : end;
		if (lf && stop > p && stop[-1] == '\r')
			stop--;
		bool soft = decode_qp_line(p, stop, &out);
		if (!lf)
			break;
		if (!soft) {
			memcpy(out, stop, (size_t)(lf + 1 - stop));
			out += lf + 1 - stop;
		}
		wait_give_way_over(p, lf + 1);
		p = lf + 1;
	}
	to->len += (size_t)(out - room);
}

/* One line: a count of bytes, then groups of four characters for three of them. */
static void decode_uu_line(struct slice line, struct buf *to)
{
	size_t count = line.len ? (size_t)(line.ptr[0] - ' ') & 63 : 0;
	char *out = buf_reserve(to, 63);
	if (!out || count == 0)
		return;
	unsigned bits = 0;
	size_t n = 0;
	for (size_t i = 1; n < count; i++) {
		/* Spaces at the end, which mean zero, get lost. */
		char c = i < line.len ? line.ptr[i] : ' ';
		bits = bits << 6 | ((unsigned)(c - ' ') & 63);
		if (i % 4 == 0)
			for (int shift = 16; shift >= 0 && n < count; shift -= 8)
				out[n++] = (char)(bits >> shift);
	}
	to->len += n;
}

void decode_uuencode(struct slice text, struct buf *to)
{
	bool inside = false;
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');
		wait_give_way_over(line.ptr, line.ptr + line.len + 1);
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (!inside)
			inside = slice_starts(line, SLICE("begin "));
		else if (slice_eq(line, SLICE("end")))
			break;
		else
			decode_uu_line(line, to);
	}
}

void message_decode_body(const struct message_part *part, struct slice whole, struct buf *to)
{
	if (part->body_len == 0)
		return;
	struct slice body = slice_sub(whole, part->body_start, part->body_len);
	if (slice_eq_nocase(part->encoding, SLICE("base64")))
		base64_decode_mail(to, body);
	else if (slice_eq_nocase(part->encoding, SLICE("quoted-printable")))
		decode_quoted_printable(body, to);
	else if (slice_eq_nocase(part->encoding, SLICE("x-uuencode")) ||
		 slice_eq_nocase(part->encoding, SLICE("x-uue")) ||
		 slice_eq_nocase(part->encoding, SLICE("uuencode")))
		decode_uuencode(body, to);
	else
		buf_add_slice(to, body);
}
