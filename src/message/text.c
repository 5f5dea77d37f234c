/* The text of a message. */
#include "message/text.h"

#include "message/charset.h"
#include "message/header.h"
#include "message/html_internal.h"
#include "message/text_internal.h"

bool text_is_text(const struct message_part *part)
{
	return part->kind == MESSAGE_LEAF && slice_eq_nocase(part->type, SLICE("text"));
}

const struct message_part *text_next_part(const struct message_part *part)
{
	if (part->first_child)
		return part->first_child;
	while (part && !part->next)
		part = part->parent;
	return part ? part->next : NULL;
}

void text_add_fitting(struct buf *to, struct slice s)
{
	size_t room = to->failed ? 0 : to->max - to->len;
	if (s.len > room) {
		while (room > 0 && ((unsigned char)s.ptr[room] & 0xC0) == 0x80)
			room--;
		s.len = room;
	}
	buf_add_slice(to, s);
}

/* In UTF-8, whatever the part says of itself. */
static void add_converted(const struct message_part *part, struct slice bytes, struct buf *to)
{
	struct slice charset = message_parameter(part->parameters, "charset");
	if (charset.len == 0 || !charset_to_utf8(charset, bytes, to))
		charset_guess_to_utf8(bytes, to);
}

/* UTF-8 is at most three bytes for one of an 8-bit charset. */
static size_t converted_max(size_t len)
{
	return len * 4 + 64;
}

void text_of_part(const struct message_part *part, struct slice whole, size_t limit, struct buf *to)
{
	struct message_part front = *part;
	front.body_len = MIN(front.body_len, limit);
	AUTO(buf_free) struct buf bytes = BUF(front.body_len + 256);
	AUTO(buf_free) struct buf utf8 = BUF(converted_max(front.body_len));
	message_decode_body(&front, whole, &bytes);
	add_converted(part, buf_slice(&bytes), &utf8);
	if (!slice_eq_nocase(part->subtype, SLICE("html"))) {
		text_add_fitting(to, buf_slice(&utf8));
		return;
	}
	AUTO(buf_free) struct buf text = BUF(converted_max(utf8.len));
	html_to_text(buf_slice(&utf8), &text);
	text_add_fitting(to, buf_slice(&text));
}

static void add_headers(const struct message_part *part, struct slice whole, struct buf *to)
{
	struct slice header = slice_sub(whole, part->header_start, part->header_len);
	AUTO(buf_free) struct buf line = BUF(0);
	struct message_field field;
	while (to->len < to->max && message_next_field(&header, &field)) {
		line.len = 0;
		line.max = converted_max(field.whole.len);
		message_decode_value(field.name, &line);
		buf_add_str(&line, ": ");
		message_decode_value(field.value, &line);
		buf_add_byte(&line, '\n');
		text_add_fitting(to, buf_slice(&line));
	}
}

static void add_texts(
	const struct message_part *root, struct slice whole, bool headers, struct buf *to)
{
	bool any = false;
	if (whole.len == 0)
		return;
	for (const struct message_part *part = root; part && to->len < to->max && !to->failed;
		part = text_next_part(part)) {
		if (headers)
			add_headers(part, whole, to);
		if (!text_is_text(part) || part->body_len == 0)
			continue;
		if (any)
			text_add_fitting(to, SLICE("\n"));
		text_of_part(part, whole, SIZE_MAX, to);
		any = true;
	}
}

void message_body_text(const struct message_part *root, struct slice whole, struct buf *to)
{
	add_texts(root, whole, false, to);
}

void message_whole_text(const struct message_part *root, struct slice whole, struct buf *to)
{
	add_texts(root, whole, true, to);
}
