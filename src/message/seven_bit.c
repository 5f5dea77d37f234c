/* A walk over the tree of parts, in the order of their bytes. `at` is how far the message has been
 * handed out: what lies between parts (boundaries, preambles) goes out when the next part is
 * reached. */
#include "message/seven_bit.h"

#include "base/wait.h"
#include "message/content_internal.h"
#include "message/crlf.h"
#include "message/encode_internal.h"
#include "message/header.h"
#include "message/message.h"

enum {
	STEP = 8 * 1024,
	LINE_MAX = 998, /* RFC 5322 section 2.1.1 */
	DENSE = 4,      /* text of which more than one byte in so many is 8-bit: base64 */
};

static bool has_eight_bit(struct slice s)
{
	unsigned char all = 0;
	for (size_t at = 0; at < s.len && all < 0x80; at += STEP) {
		struct slice piece = slice_sub(s, at, STEP);
		for (size_t i = 0; i < piece.len; i++)
			all |= (unsigned char)piece.ptr[i];
		wait_give_way();
	}
	return all >= 0x80;
}

struct message_octets message_octets(struct slice s)
{
	return (struct message_octets){
		.eight_bit = has_eight_bit(s),
		.nul = slice_find(s, '\0') >= 0,
		.bare = !message_crlf_is_normal(s, true),
	};
}

static bool has_long_line(struct slice s)
{
	const char *p = s.ptr, *end = p + s.len;
	while (end - p > LINE_MAX) {
		const char *lf = memrchr(p, '\n', MIN((size_t)(end - p), (size_t)LINE_MAX + 2));
		if (!lf)
			return true;
		wait_give_way_over(p, lf + 1);
		p = lf + 1;
	}
	return false;
}

static bool is_dense(struct slice s)
{
	size_t high = 0;
	for (size_t i = 0; i < s.len; i++)
		high += (unsigned char)s.ptr[i] >> 7;
	return high > s.len / DENSE;
}

static struct slice header_of(const struct message_part *part, struct slice whole)
{
	return slice_sub(whole, part->header_start, part->header_len);
}

static bool headers_are_ascii(const struct message_part *part, struct slice whole)
{
	if (has_eight_bit(header_of(part, whole)))
		return false;
	for (const struct message_part *p = part->first_child; p; p = p->next)
		if (!headers_are_ascii(p, whole))
			return false;
	return true;
}

bool message_headers_are_ascii(struct slice message)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	return !has_eight_bit(message) ||
	       headers_are_ascii(message_parse(message, &arena), message);
}

struct convert {
	struct slice whole;
	size_t at;
	enum message_transport transport;
	struct arena arena;
	struct buf out;
	int (*take)(void *context, struct slice piece);
	void *context;
	int result; /* of take, once it failed */
};

/* False when the rest is not wanted. */
static bool hand_out(void *context)
{
	struct convert *c = context;
	if (c->out.len > 0 && c->result >= 0)
		c->result = c->take(c->context, buf_slice(&c->out));
	buf_clear(&c->out);
	return c->result >= 0;
}

static void put(struct convert *c, struct slice bytes)
{
	if (bytes.len < STEP) {
		buf_add_slice(&c->out, bytes);
		if (c->out.len >= STEP)
			(void)hand_out(c);
	} else if (hand_out(c)) {
		c->result = c->take(c->context, bytes);
	}
}

static bool is_seven_bit(const struct convert *c)
{
	return c->transport == MESSAGE_SEVEN_BIT;
}

/* The bytes up to `end`, as they are; false when they can't pass. */
static bool pass_to(struct convert *c, size_t end)
{
	struct slice bytes = slice_sub(c->whole, c->at, end - c->at);
	if (is_seven_bit(c) && has_eight_bit(bytes))
		return false;
	put(c, bytes);
	c->at = end;
	return true;
}

static bool is_encoding(const struct message_part *part, const char *name)
{
	return slice_eq_nocase(part->encoding, slice_str(name));
}

static bool is_identity(const struct message_part *part)
{
	return is_encoding(part, "7bit") || is_encoding(part, "8bit") ||
	       is_encoding(part, "binary");
}

/* The label of a part whose bytes stay; NULL: it keeps the one that it has. */
static const char *label(const struct convert *c, const struct message_part *part)
{
	if (is_seven_bit(c))
		return is_encoding(part, "8bit") || is_encoding(part, "binary") ? "7bit" : NULL;
	return is_encoding(part, "binary") ? "8bit" : NULL;
}

static bool has_field(struct slice header, const char *name)
{
	struct message_field field;
	while (message_next_field(&header, &field))
		if (slice_eq_nocase(field.name, slice_str(name)))
			return true;
	return false;
}

/* A message that knows nothing of MIME is text in a charset that nobody knows (RFC 1428). */
static void put_mime(struct convert *c, const struct message_part *part, struct slice header)
{
	bool is_top = !part->parent || part->parent->kind == MESSAGE_RFC822;
	if (!is_top)
		return;
	if (!has_field(header, "MIME-Version"))
		put(c, SLICE("MIME-Version: 1.0\r\n"));
	if (part->kind == MESSAGE_LEAF && !has_field(header, "Content-Type") &&
		has_eight_bit(slice_sub(c->whole, part->body_start, part->body_len)))
		put(c, SLICE("Content-Type: text/plain; charset=unknown-8bit\r\n"));
}

/* The header, with that encoding in place of what it has; NULL: as it is. */
static bool put_header(struct convert *c, const struct message_part *part, const char *encoding)
{
	struct slice header = header_of(part, c->whole), rest = header, empty = header;
	struct message_field field;
	if (!encoding)
		return pass_to(c, part->body_start);
	if (is_seven_bit(c) && has_eight_bit(header))
		return false;
	while (message_next_field(&rest, &field)) {
		empty = rest;
		if (slice_eq_nocase(field.name, SLICE("Content-Transfer-Encoding")))
			continue;
		put(c, field.whole);
		if (!slice_ends(field.whole, SLICE("\n"))) /* the message ends here */
			put(c, SLICE("\r\n"));
	}
	put_mime(c, part, header);
	put(c, SLICE("Content-Transfer-Encoding: "));
	put(c, slice_str(encoding));
	put(c, SLICE("\r\n"));
	put(c, empty);
	c->at = part->body_start;
	return true;
}

/* By its own header: a leaf may be a multipart or a message that was not taken apart. */
static bool may_be_encoded(const struct convert *c, const struct message_part *part)
{
	static const char *const GLOBAL[] = {"global", "global-headers", "global-delivery-status",
		"global-disposition-notification"}; /* RFC 6532, 6533 */
	struct arena arena = ARENA_EMPTY;
	struct slice header = header_of(part, c->whole), type = part->type, subtype = part->subtype;
	struct message_parameter *parameters;
	struct message_field field;
	bool may = is_identity(part), read = false;
	while (!read && message_next_field(&header, &field)) {
		read = slice_eq_nocase(field.name, SLICE("Content-Type"));
		if (read && !content_read_type(field.value, &arena, &type, &subtype, &parameters))
			type = SLICE("text");
	}
	if (slice_eq_nocase(type, SLICE("multipart")))
		may = false;
	if (slice_eq_nocase(type, SLICE("message"))) {
		bool global = false;
		for (size_t i = 0; i < ARRAY_LEN(GLOBAL); i++)
			global |= slice_eq_nocase(subtype, slice_str(GLOBAL[i]));
		may = may && global;
	}
	arena_free(&arena);
	return may;
}

static bool needs_encoding(
	const struct convert *c, const struct message_part *part, struct slice body)
{
	struct message_octets octets = message_octets(body);
	bool is_binary = is_encoding(part, "binary");
	return octets.nul || (is_seven_bit(c) && octets.eight_bit) ||
	       (is_binary && (octets.bare || has_long_line(body)));
}

static bool is_good_as_text(const struct message_part *part, struct slice body)
{
	struct message_octets octets = message_octets(body);
	return slice_eq_nocase(part->type, SLICE("text")) && !octets.nul && !octets.bare &&
	       !is_dense(body);
}

static bool encode(struct convert *c, const struct message_part *part, struct slice body)
{
	const struct encode_sink sink = {.to = &c->out, .full = hand_out, .context = c};
	bool text = is_good_as_text(part, body);
	if (!may_be_encoded(c, part) || !put_header(c, part, text ? "quoted-printable" : "base64"))
		return false;
	if (text)
		encode_quoted_printable(body, &sink);
	else
		encode_base64(body, &sink);
	c->at = part->body_start + part->body_len;
	if (!text && c->at == c->whole.len)
		put(c, SLICE("\r\n"));
	return true;
}

/* Nothing inside may change. */
static bool pass_signed(struct convert *c, const struct message_part *part, struct slice body)
{
	struct message_octets octets = message_octets(body);
	return !octets.nul && !octets.bare && put_header(c, part, label(c, part)) &&
	       pass_to(c, part->body_start + part->body_len);
}

static bool convert_part(struct convert *c, const struct message_part *part)
{
	struct slice body = slice_sub(c->whole, part->body_start, part->body_len);
	bool global =
		part->kind == MESSAGE_RFC822 && slice_eq_nocase(part->subtype, SLICE("global"));
	if (c->result < 0)
		return false;
	if (!pass_to(c, part->header_start))
		return false;
	if (part->kind == MESSAGE_MULTIPART && slice_eq_nocase(part->subtype, SLICE("signed")))
		return pass_signed(c, part, body);
	if ((part->kind == MESSAGE_LEAF || global) && needs_encoding(c, part, body))
		return encode(c, part, body);
	if (!put_header(c, part, label(c, part)))
		return false;
	for (const struct message_part *p = part->first_child; p; p = p->next)
		if (!convert_part(c, p))
			return false;
	return pass_to(c, part->body_start + part->body_len);
}

int message_convert(struct slice message, enum message_transport transport,
	int (*take)(void *context, struct slice piece), void *context)
{
	struct convert c = {
		.whole = message,
		.transport = transport,
		.out = BUF(SIZE_MAX),
		.take = take,
		.context = context,
	};
	bool good = convert_part(&c, message_parse(message, &c.arena)) && pass_to(&c, message.len);
	if (good)
		(void)hand_out(&c);
	arena_free(&c.arena);
	buf_free(&c.out);
	return c.result < 0 ? c.result : good ? 0 : MESSAGE_CANT_CONVERT;
}
