/* Chunks are read line by line; a line is waited for whole. Extensions and trailers are looked at
 * as strictly as heads (a bare LF in an extension is how bodies are read in two ways) and dropped.
 */
#include "http/body.h"

#include "http/field.h"

enum { SIZE_DIGITS = 15 }; /* 2^60 bytes */

void http_body_begin(struct http_body *body, enum http_framing framing, uint64_t length)
{
	*body = (struct http_body){.framing = framing, .left = length};
	switch (framing) {
	case HTTP_NO_BODY:
		body->state = HTTP_AT_END;
		break;
	case HTTP_LENGTH:
		body->state = length > 0 ? HTTP_IN_DATA : HTTP_AT_END;
		break;
	case HTTP_CHUNKED:
		body->state = HTTP_IN_SIZE;
		break;
	case HTTP_UNTIL_CLOSE:
		body->state = HTTP_IN_DATA;
		body->left = UINT64_MAX;
		break;
	}
}

/* A line of at most `max` bytes with its CR LF, cut off the input without it. */
static enum http_piece cut_line(struct slice *input, size_t max, struct slice *ret_line)
{
	ssize_t end = slice_find(slice_sub(*input, 0, max), '\n');
	if (end < 0)
		return input->len < max ? HTTP_PIECE_MORE : HTTP_PIECE_BAD;
	if (end == 0 || input->ptr[end - 1] != '\r')
		return HTTP_PIECE_BAD;
	*ret_line = slice(input->ptr, (size_t)end - 1);
	*input = slice_from(*input, (size_t)end + 1);
	return HTTP_PIECE;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = slice_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 9112 section 7.1; an extension is anything without control characters, behind ";". */
static bool read_size(struct slice line, uint64_t *ret_size)
{
	size_t at = 0;
	uint64_t size = 0;
	while (at < line.len && hex(line.ptr[at]) >= 0) {
		size = size << 4 | (unsigned)hex(line.ptr[at]);
		if (++at > SIZE_DIGITS)
			return false;
	}
	struct slice rest = slice_from(line, at);
	if (at == 0)
		return false;
	while (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t'))
		rest = slice_from(rest, 1);
	/* Blanks with no extension behind them are no part of the grammar. */
	if (rest.len > 0 ? rest.ptr[0] != ';' : at != line.len)
		return false;
	for (size_t i = 0; i < rest.len; i++) {
		unsigned char c = (unsigned char)rest.ptr[i];
		if ((c < ' ' && c != '\t') || c == 127)
			return false;
	}
	*ret_size = size;
	return true;
}

static enum http_piece next_size(struct http_body *body, struct slice *input)
{
	struct slice line;
	enum http_piece got = cut_line(input, HTTP_CHUNK_LINE_MAX, &line);
	if (got != HTTP_PIECE)
		return got;
	if (!read_size(line, &body->left))
		return HTTP_PIECE_BAD;
	body->state = body->left > 0 ? HTTP_IN_DATA : HTTP_IN_TRAILER;
	return HTTP_PIECE;
}

static enum http_piece behind_data(struct http_body *body, struct slice *input)
{
	struct slice line;
	enum http_piece got = cut_line(input, 2, &line);
	if (got == HTTP_PIECE_MORE && input->len == 1 && input->ptr[0] != '\r')
		return HTTP_PIECE_BAD;
	if (got == HTTP_PIECE)
		body->state = HTTP_IN_SIZE;
	return got;
}

static enum http_piece next_trailer(struct http_body *body, struct slice *input)
{
	struct slice line;
	struct http_field field;
	size_t had = input->len;
	enum http_piece got = cut_line(input, HTTP_TRAILER_MAX - body->trailer, &line);
	body->trailer += had - input->len;
	if (got != HTTP_PIECE)
		return got;
	if (line.len == 0)
		body->state = HTTP_AT_END;
	else if (!http_field_read(line, &field))
		return HTTP_PIECE_BAD;
	return HTTP_PIECE;
}

static enum http_piece next_data(
	struct http_body *body, struct slice *input, struct slice *ret_piece)
{
	if (input->len == 0)
		return HTTP_PIECE_MORE;
	*ret_piece = slice_sub(*input, 0, body->left);
	*input = slice_from(*input, ret_piece->len);
	if (body->framing == HTTP_UNTIL_CLOSE)
		return HTTP_PIECE;
	body->left -= ret_piece->len;
	if (body->left == 0)
		body->state = body->framing == HTTP_CHUNKED ? HTTP_BEHIND_DATA : HTTP_AT_END;
	return HTTP_PIECE;
}

enum http_piece http_body_next(struct http_body *body, struct slice *input, struct slice *ret_piece)
{
	for (;;) {
		enum http_piece got = HTTP_PIECE_BAD;
		switch (body->state) {
		case HTTP_AT_END:
			return HTTP_PIECE_END;
		case HTTP_IN_DATA:
			return next_data(body, input, ret_piece);
		case HTTP_IN_SIZE:
			got = next_size(body, input);
			break;
		case HTTP_BEHIND_DATA:
			got = behind_data(body, input);
			break;
		case HTTP_IN_TRAILER:
			got = next_trailer(body, input);
			break;
		}
		if (got != HTTP_PIECE)
			return got;
	}
}

bool http_body_may_end(const struct http_body *body)
{
	return body->state == HTTP_AT_END || body->framing == HTTP_UNTIL_CLOSE;
}

void http_chunk_add(struct buf *to, struct slice content)
{
	if (content.len == 0)
		return;
	buf_printf(to, "%zx\r\n", content.len);
	buf_add_slice(to, content);
	buf_add_str(to, "\r\n");
}

void http_chunk_end(struct buf *to)
{
	buf_add_str(to, "0\r\n\r\n");
}
