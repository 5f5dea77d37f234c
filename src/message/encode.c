/* Quoted-printable and base64. */
#include "message/encode_internal.h"

#include "base/base64.h"
#include "base/wait.h"

enum {
	LINE = 75, /* and a "=" behind */
	BASE64_BYTES = 57,
	ROUND = 32 * 1024, /* of output, until the sink is asked */
};

static bool is_full(const struct encode_sink *sink)
{
	return sink->to->len >= ROUND && !sink->full(sink->context);
}

static bool is_line_end(struct slice s, size_t at)
{
	return at == s.len || (s.len - at >= 2 && s.ptr[at] == '\r' && s.ptr[at + 1] == '\n');
}

/* Whether the byte at `at` may stand for itself in that column. */
static bool is_plain(struct slice s, size_t at, size_t column)
{
	unsigned char c = (unsigned char)s.ptr[at];
	if (c == ' ' || c == '\t')
		return !is_line_end(s, at + 1);
	return c > ' ' && c < 127 && c != '=' && !(c == '-' && column == 0);
}

static void add_hex(struct buf *to, unsigned char c)
{
	static const char HEX[] = "0123456789ABCDEF";
	char escape[3] = {'=', HEX[c >> 4], HEX[c & 15]};
	buf_add(to, escape, sizeof(escape));
}

void encode_quoted_printable(struct slice bytes, const struct encode_sink *sink)
{
	struct buf *to = sink->to;
	size_t column = 0;
	for (size_t i = 0; i < bytes.len; i++) {
		if (is_line_end(bytes, i)) {
			buf_add_str(to, "\r\n");
			i++;
			column = 0;
			if (is_full(sink))
				return;
			continue;
		}
		bool plain = is_plain(bytes, i, column);
		if (column + (plain ? 1 : 3) > LINE) {
			buf_add_str(to, "=\r\n");
			column = 0;
			plain = is_plain(bytes, i, column);
			wait_give_way_over(bytes.ptr + i - LINE / 3, bytes.ptr + i);
			if (is_full(sink))
				return;
		}
		if (plain)
			buf_add_byte(to, bytes.ptr[i]);
		else
			add_hex(to, (unsigned char)bytes.ptr[i]);
		column += plain ? 1 : 3;
	}
}

void encode_base64(struct slice bytes, const struct encode_sink *sink)
{
	for (size_t at = 0; at < bytes.len; at += BASE64_BYTES) {
		if (at > 0)
			buf_add_str(sink->to, "\r\n");
		base64_encode(sink->to, slice_sub(bytes, at, BASE64_BYTES));
		wait_give_way_over(bytes.ptr + at - (at ? BASE64_BYTES : 0), bytes.ptr + at);
		if (is_full(sink))
			return;
	}
}
