/* Changes that a milter asks for: collected with their bytes bounded, then done in their order.
 * Whatever a filter sends, what comes out is a header: a value's lines go on with white space. */
#include "filter/milter_changes.h"

#include "base/alloc.h"
#include "base/wait.h"
#include "message/header.h"

enum { FIELDS_MAX = 50000 }; /* of a message; the rest is as one with the last of these */

static bool is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == ':')
			return false;
	return name.len > 0;
}

static struct slice without_brackets(struct slice address)
{
	address = slice_trim(address);
	if (address.len >= 2 && address.ptr[0] == '<' && address.ptr[address.len - 1] == '>')
		return slice_sub(address, 1, address.len - 2);
	return address;
}

static void add(struct filter_milter_changes *c, enum filter_milter_change_kind kind,
	const struct filter_milter_reply *reply, struct slice name, struct arena *arena)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 8;
		struct filter_milter_change *grown =
			ARENA_ARRAY(arena, struct filter_milter_change, c->room);
		if (c->count > 0)
			memcpy(grown, c->list, c->count * sizeof(*grown));
		c->list = grown;
	}
	c->list[c->count++] = (struct filter_milter_change){
		.kind = kind,
		.index = reply->index,
		.name = arena_copy(arena, name),
		.value = arena_copy(arena, reply->value),
	};
}

static void add_field(struct filter_milter_changes *c, enum filter_milter_change_kind kind,
	const struct filter_milter_reply *reply, struct arena *arena)
{
	if (is_field_name(reply->name))
		add(c, kind, reply, reply->name, arena);
}

static bool has_room(struct filter_milter_changes *c, const struct filter_milter_reply *reply)
{
	if (reply->kind == MILTER_REPLACE_BODY)
		return true;
	c->bytes += reply->name.len + reply->value.len;
	return c->count < FILTER_MILTER_CHANGES_MAX && c->bytes <= FILTER_MILTER_CHANGE_BYTES_MAX;
}

bool filter_milter_changes_take(struct filter_milter_changes *c,
	const struct filter_milter_reply *reply, struct arena *arena)
{
	struct slice address = without_brackets(reply->name);
	if (!has_room(c, reply))
		return false;
	switch (reply->kind) {
	case MILTER_ADD_HEADER:
		add_field(c, FILTER_MILTER_ADD_FIELD, reply, arena);
		break;
	case MILTER_INSERT_HEADER:
		add_field(c, FILTER_MILTER_INSERT_FIELD, reply, arena);
		break;
	case MILTER_CHANGE_HEADER:
		add_field(c, FILTER_MILTER_CHANGE_FIELD, reply, arena);
		break;
	case MILTER_ADD_RCPT:
	case MILTER_ADD_RCPT_ARGS:
		add(c, FILTER_MILTER_ADD_RECIPIENT, reply, address, arena);
		break;
	case MILTER_DELETE_RCPT:
		add(c, FILTER_MILTER_REMOVE_RECIPIENT, reply, address, arena);
		break;
	case MILTER_CHANGE_SENDER:
		c->sender = arena_copy(arena, address);
		c->sender_args = arena_copy(arena, reply->value);
		break;
	case MILTER_QUARANTINE:
		c->quarantine = arena_copy(arena, reply->value);
		break;
	case MILTER_REPLACE_BODY:
		c->body_replaced = true;
		buf_add_slice(&c->body, reply->text);
		return !c->body.failed;
	default:
		break;
	}
	return true;
}

void filter_milter_changes_free(struct filter_milter_changes *changes)
{
	buf_free(&changes->body);
}

/* A field as it will stand: one of the message, or a new one. */
struct field {
	struct slice name;
	struct slice whole;                        /* of the message */
	const struct filter_milter_change *change; /* or this one's */
};

struct fields {
	struct field *list;
	size_t count, room;
};

static void insert(struct fields *f, size_t at, const struct field *field)
{
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->list = alloc_resize(f->list, f->room, sizeof(*f->list));
	}
	memmove(&f->list[at + 1], &f->list[at], (f->count - at) * sizeof(*f->list));
	f->list[at] = *field;
	f->count++;
}

static void read_fields(struct fields *f, struct slice header)
{
	struct message_field field;
	while (message_next_field(&header, &field))
		if (f->count < FIELDS_MAX)
			insert(f, f->count,
				&(struct field){.name = field.name, .whole = field.whole});
		else /* they follow each other in memory */
			f->list[FIELDS_MAX - 1].whole.len += field.whole.len;
}

static void change_field(struct fields *f, const struct filter_milter_change *c)
{
	struct field new = {.name = c->name, .change = c};
	uint32_t seen = 0, wanted = c->index ? c->index : 1;
	size_t at = 0;
	while (at < f->count && !(slice_eq_nocase(f->list[at].name, c->name) && ++seen == wanted))
		at++;
	if (at < f->count && c->value.len == 0) {
		f->count--;
		memmove(&f->list[at], &f->list[at + 1], (f->count - at) * sizeof(*f->list));
	} else if (at < f->count) {
		f->list[at] = new;
	} else if (c->value.len > 0) {
		insert(f, at, &new);
	}
}

static void apply_one(struct fields *f, const struct filter_milter_change *c)
{
	struct field new = {.name = c->name, .change = c};
	if (c->kind == FILTER_MILTER_ADD_FIELD)
		insert(f, f->count, &new);
	else if (c->kind == FILTER_MILTER_INSERT_FIELD)
		insert(f, MIN((size_t)c->index, f->count), &new);
	else if (c->kind == FILTER_MILTER_CHANGE_FIELD)
		change_field(f, c);
}

static void write_value(struct slice value, struct buf *to)
{
	for (bool first = true; value.len > 0; first = false) {
		struct slice line = slice_cut(&value, '\n');
		if (!first && slice_trim(line).len == 0)
			continue; /* it would end the header */
		if (!first)
			buf_add_str(
				to, line.ptr[0] == ' ' || line.ptr[0] == '\t' ? "\r\n" : "\r\n\t");
		for (size_t i = 0; i < line.len; i++)
			if (line.ptr[i] != '\r' && line.ptr[i] != '\0')
				buf_add_byte(to, line.ptr[i]);
	}
	buf_add_str(to, "\r\n");
}

static void write_field(const struct field *f, bool spaced, struct buf *to)
{
	if (!f->change) {
		buf_add_slice(to, f->whole);
		if (!slice_ends(f->whole, SLICE("\n")))
			buf_add_str(to, "\r\n");
		return;
	}
	buf_add_slice(to, f->name);
	buf_add_str(to, spaced ? ":" : ": ");
	write_value(f->change->value, to);
}

static bool changes_header(const struct filter_milter_changes *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].kind <= FILTER_MILTER_CHANGE_FIELD)
			return true;
	return false;
}

bool filter_milter_apply(const struct filter_milter_changes *changes, struct slice message,
	struct buf *to, struct slice *ret_body)
{
	struct slice header = slice_sub(message, 0, message_header_len(message));
	struct fields f = {0};
	*ret_body = changes->body_replaced ? buf_slice(&changes->body)
					   : slice_from(message, header.len);
	if (!changes->body_replaced && !changes_header(changes))
		return false;
	read_fields(&f, header);
	for (size_t i = 0; i < changes->count; i++) {
		apply_one(&f, &changes->list[i]);
		wait_give_way();
	}
	for (size_t i = 0; i < f.count; i++)
		write_field(&f.list[i], changes->spaced, to);
	buf_add_str(to, "\r\n");
	free(f.list);
	return true;
}
