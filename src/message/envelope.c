/* ENVELOPE: one walk over the header, then ten fields written in order. */
#include "message/imap_form.h"

#include "message/address.h"
#include "message/header.h"

enum text_field { DATE, SUBJECT, IN_REPLY_TO, MESSAGE_ID, TEXT_FIELDS };
enum list_field { FROM, SENDER, REPLY_TO, TO, CC, BCC, LIST_FIELDS };

/* Where the fields of a header are. The destination fields may come more than once and are then one
 * list (RFC 5322 section 4.5.3); of the others the first counts. */
struct found {
	struct slice text[TEXT_FIELDS];
	struct message_address *list[LIST_FIELDS], *last[LIST_FIELDS];
	unsigned counts[LIST_FIELDS];
	bool texts_are_cut;
	struct arena arena;
};

/* What a name stands for: a text_field, TEXT_FIELDS + a list_field, or -1. */
static int field_of(struct slice name)
{
	static const struct {
		struct slice name;
		int field;
	} FIELDS[] = {
		{{"date", 4}, DATE},
		{{"subject", 7}, SUBJECT},
		{{"in-reply-to", 11}, IN_REPLY_TO},
		{{"message-id", 10}, MESSAGE_ID},
		{{"from", 4}, TEXT_FIELDS + FROM},
		{{"sender", 6}, TEXT_FIELDS + SENDER},
		{{"reply-to", 8}, TEXT_FIELDS + REPLY_TO},
		{{"to", 2}, TEXT_FIELDS + TO},
		{{"cc", 2}, TEXT_FIELDS + CC},
		{{"bcc", 3}, TEXT_FIELDS + BCC},
	};
	if (name.len < 2 || name.len > 11)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++)
		if (name.len == FIELDS[i].name.len &&
			(name.ptr[0] | 0x20) == FIELDS[i].name.ptr[0] &&
			slice_eq_nocase(name, FIELDS[i].name))
			return FIELDS[i].field;
	return -1;
}

static void find_addresses(struct found *found, int field, struct slice value)
{
	bool repeats = field == TO || field == CC || field == BCC;
	if ((found->list[field] && !repeats) || found->counts[field] >= MESSAGE_ADDRESSES_MAX)
		return;
	struct message_address *list = message_parse_addresses(value, &found->arena);
	if (!list)
		return;
	if (found->last[field])
		found->last[field]->next = list;
	else
		found->list[field] = list;
	for (; list; list = list->next) {
		found->last[field] = list;
		found->counts[field]++;
	}
}

static void find_text(struct found *found, int field, struct slice value)
{
	if (found->text[field].ptr || slice_find(value, '\0') >= 0)
		found->texts_are_cut = true;
	if (!found->text[field].ptr)
		found->text[field] = value;
}

static void find_fields(struct found *found, struct slice header)
{
	struct message_field field;
	while (message_next_field(&header, &field)) {
		int which = field_of(field.name);
		if (which >= TEXT_FIELDS)
			find_addresses(found, which - TEXT_FIELDS, field.value);
		else if (which >= 0)
			find_text(found, which, field.value);
	}
}

/* A nonempty slice as nstring, an empty one as NIL: what is not there and what says nothing are the
 * same in an address. */
static void add_nil_if_empty(struct buf *to, struct slice s)
{
	message_write_nstring(to, s.len ? s : SLICE_NONE);
}

static void add_addresses(struct buf *to, const struct message_address *list)
{
	if (!list) {
		buf_add(to, "NIL", 3);
		return;
	}
	buf_add_byte(to, '(');
	for (; list; list = list->next) {
		buf_add_byte(to, '(');
		add_nil_if_empty(to, list->name);
		buf_add_byte(to, ' ');
		add_nil_if_empty(to, list->route);
		buf_add_byte(to, ' ');
		message_write_nstring(to, list->mailbox);
		buf_add_byte(to, ' ');
		message_write_nstring(to, list->host);
		buf_add_byte(to, ')');
	}
	buf_add_byte(to, ')');
}

static void add_text(struct found *found, struct buf *to, struct slice value)
{
	struct slice text = value.ptr ? slice_trim(value) : value;
	if (text.ptr && slice_find(text, '\n') >= 0) {
		struct buf unfolded = BUF(text.len);
		message_unfold(text, &unfolded);
		text = arena_copy(&found->arena, buf_slice(&unfolded));
		buf_free(&unfolded);
	}
	message_write_nstring(to, text);
}

bool message_write_envelope(struct slice header, struct buf *to)
{
	struct found found = {.arena = ARENA_EMPTY};
	find_fields(&found, header);
	const struct message_address *from = found.list[FROM];
	buf_add_byte(to, '(');
	add_text(&found, to, found.text[DATE]);
	buf_add_byte(to, ' ');
	add_text(&found, to, found.text[SUBJECT]);
	for (int field = FROM; field < LIST_FIELDS; field++) {
		bool defaults = !found.list[field] && (field == SENDER || field == REPLY_TO);
		buf_add_byte(to, ' ');
		add_addresses(to, defaults ? from : found.list[field]);
	}
	buf_add_byte(to, ' ');
	add_text(&found, to, found.text[IN_REPLY_TO]);
	buf_add_byte(to, ' ');
	add_text(&found, to, found.text[MESSAGE_ID]);
	buf_add_byte(to, ')');
	arena_free(&found.arena);
	return !found.texts_are_cut;
}
