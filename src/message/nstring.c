/* The strings of IMAP (RFC 9051 section 4.3) written and read, and stored envelopes taken apart. */
#include "message/imap_form.h"

/* What a byte asks of the string that holds it. */
enum {
	NEEDS_ESCAPE = 1,
	NEEDS_LITERAL = 2,
	IS_NUL = 4,
};

static const uint8_t NEEDS[256] = {
	['\0'] = IS_NUL,
	['"'] = NEEDS_ESCAPE,
	['\\'] = NEEDS_ESCAPE,
	['\r'] = NEEDS_LITERAL,
	['\n'] = NEEDS_LITERAL,
	[0x80 ... 0xFF] = NEEDS_LITERAL,
};

static unsigned needs_of(struct slice s)
{
	unsigned needs = 0;
	for (size_t i = 0; i < s.len; i++)
		needs |= NEEDS[(uint8_t)s.ptr[i]];
	return needs;
}

static void add_quoted(struct buf *to, struct slice s, bool escaped)
{
	char *room = buf_reserve(to, s.len * (escaped ? 2 : 1) + 2), *out = room;
	if (!room)
		return;
	*out++ = '"';
	if (!escaped && s.len > 0) {
		memcpy(out, s.ptr, s.len);
		out += s.len;
	}
	for (size_t i = 0; escaped && i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			*out++ = '\\';
		*out++ = s.ptr[i];
	}
	*out++ = '"';
	to->len += (size_t)(out - room);
}

static void add_literal(struct buf *to, struct slice s)
{
	buf_add_byte(to, '{');
	buf_add_u64(to, s.len);
	buf_add(to, "}\r\n", 3);
	buf_add_slice(to, s);
}

void message_write_nstring(struct buf *to, struct slice s)
{
	if (!s.ptr) {
		buf_add(to, "NIL", 3);
		return;
	}
	unsigned needs = needs_of(s);
	size_t before = to->len;
	if (needs & NEEDS_LITERAL)
		add_literal(to, s);
	else
		add_quoted(to, s, needs & NEEDS_ESCAPE);
	/* IMAP has no way to send NUL in these places. */
	for (size_t i = before; needs & IS_NUL && i < to->len; i++)
		if (to->data[i] == '\0')
			to->data[i] = '?';
}

/* Length of the string at the front, with its quotes or its literal's head; 0 when it is none. */
static size_t string_len(struct slice s, struct slice *ret_inside, bool *ret_escaped)
{
	*ret_escaped = false;
	if (s.len > 0 && s.ptr[0] == '"') {
		for (size_t i = 1; i < s.len; i++) {
			if (s.ptr[i] == '\\') {
				*ret_escaped = true;
				i++;
			} else if (s.ptr[i] == '"') {
				*ret_inside = slice(s.ptr + 1, i - 1);
				return i + 1;
			}
		}
		return 0;
	}
	if (s.len < 5 || s.ptr[0] != '{')
		return 0;
	struct slice rest = slice_from(s, 1), digits = slice_cut(&rest, '}');
	uint64_t len;
	if (!slice_to_u64(digits, rest.len, &len) || rest.len < 2 + len ||
		!slice_starts(rest, SLICE("\r\n")))
		return 0;
	*ret_inside = slice(rest.ptr + 2, (size_t)len);
	return (size_t)(rest.ptr + 2 + len - s.ptr);
}

/* Length of the nstring or list at the front; 0 when it is none. */
static size_t item_len(struct slice s)
{
	size_t at = 0, depth = 0;
	do {
		struct slice rest = slice_from(s, at), inside;
		bool escaped;
		if (rest.len == 0)
			return 0;
		switch (rest.ptr[0]) {
		case '(':
			depth++;
			at++;
			break;
		case ')':
			if (depth == 0)
				return 0;
			depth--;
			at++;
			break;
		case ' ':
			if (depth == 0)
				return 0;
			at++;
			break;
		case 'N':
			if (!slice_starts(rest, SLICE("NIL")))
				return 0;
			at += 3;
			break;
		default: {
			size_t len = string_len(rest, &inside, &escaped);
			if (len == 0)
				return 0;
			at += len;
		}
		}
	} while (depth > 0);
	return at;
}

static bool cut_item(struct slice *rest, struct slice *ret_item)
{
	size_t len = item_len(*rest);
	if (len == 0)
		return false;
	*ret_item = slice(rest->ptr, len);
	*rest = slice_from(*rest, len);
	if (rest->len > 0 && rest->ptr[0] == ' ')
		*rest = slice_from(*rest, 1);
	return true;
}

/* The first `count` fields. */
static bool read_fields(struct slice envelope, unsigned count, struct slice *ret_fields)
{
	if (envelope.len < 2 || envelope.ptr[0] != '(')
		return false;
	struct slice rest = slice_from(envelope, 1);
	for (unsigned i = 0; i < count; i++)
		if (!cut_item(&rest, &ret_fields[i]))
			return false;
	return true;
}

bool message_envelope_fields(
	struct slice envelope, struct slice ret_fields[MESSAGE_ENVELOPE_FIELDS])
{
	return read_fields(envelope, MESSAGE_ENVELOPE_FIELDS, ret_fields);
}

bool message_envelope_field(struct slice envelope, unsigned index, struct slice *ret_field)
{
	struct slice fields[MESSAGE_ENVELOPE_FIELDS];
	if (index >= MESSAGE_ENVELOPE_FIELDS || !read_fields(envelope, index + 1, fields))
		return false;
	*ret_field = fields[index];
	return true;
}

struct slice message_read_nstring(struct slice nstring, struct arena *arena)
{
	struct slice inside;
	bool escaped;
	if (string_len(nstring, &inside, &escaped) == 0)
		return SLICE_NONE;
	if (!escaped)
		return inside;
	char *copy = arena_alloc(arena, inside.len);
	size_t n = 0;
	for (size_t i = 0; i < inside.len; i++) {
		if (inside.ptr[i] == '\\' && i + 1 < inside.len)
			i++;
		copy[n++] = inside.ptr[i];
	}
	return slice(copy, n);
}

/* "(name route mailbox host)" */
static bool read_address(struct slice text, struct arena *arena, struct message_address *address)
{
	struct slice *parts[] = {
		&address->name, &address->route, &address->mailbox, &address->host};
	if (text.len < 2 || text.ptr[0] != '(')
		return false;
	struct slice rest = slice_from(text, 1), item;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!cut_item(&rest, &item))
			return false;
		*parts[i] = message_read_nstring(item, arena);
	}
	return true;
}

struct message_address *message_read_addresses(struct slice field, struct arena *arena)
{
	struct message_address *first = NULL, **tail = &first;
	if (field.len < 2 || field.ptr[0] != '(')
		return NULL;
	struct slice rest = slice(field.ptr + 1, field.len - 2), item;
	while (cut_item(&rest, &item)) {
		struct message_address *address = ARENA_NEW(arena, struct message_address);
		if (!read_address(item, arena, address))
			break;
		*tail = address;
		tail = &address->next;
	}
	return first;
}
