/* Trying a program on a message. Three-valued: a condition that needs what is not read yet is
 * MAYBE, and AND, OR, NOT follow from that; so a message is read no further than it takes. */
#include "mail/search_internal.h"

#include "message/charset.h"
#include "message/header.h"
#include "message/imap_form.h"
#include "message/text.h"

/* Of one message, as much decoded text is searched. */
enum { TEXT_MAX = 4 << 20, FOLDED_MAX = 3 * TEXT_MAX, FIELD_MAX = 1 << 20 };
enum { DAY = 86400 };

static enum search_answer answer(bool yes)
{
	return yes ? SEARCH_YES : SEARCH_NO;
}

static int64_t floor_day(int64_t seconds)
{
	return seconds / DAY - (seconds % DAY < 0);
}

/* The day as it is written where the date was written. */
static int64_t day_of(struct message_date date)
{
	return floor_day(date.seconds + (int64_t)date.zone_minutes * 60);
}

/* The three of a kind follow each other: before, on, since. */
static enum search_answer compare_day(
	const struct mail_search *source, enum mail_search_op before, int64_t day)
{
	if (source->op == before)
		return answer(day < source->day);
	return answer(source->op == before + 1 ? day == source->day : day >= source->day);
}

static bool value_has(struct slice value, struct slice needle)
{
	AUTO(buf_free) struct buf decoded = BUF(FIELD_MAX), folded = BUF(3 * FIELD_MAX);
	message_decode_value(slice_trim(value), &decoded);
	charset_fold(buf_slice(&decoded), &folded);
	return slice_search(buf_slice(&folded), needle) >= 0;
}

static enum search_answer try_header(
	const struct search_node *node, const struct search_message *message)
{
	struct slice header = message->header;
	struct message_field field;
	while (message_next_field(&header, &field)) {
		if (!slice_eq_nocase(field.name, node->source->name))
			continue;
		if (node->source->text.len == 0 || value_has(field.value, node->needle))
			return SEARCH_YES;
	}
	return SEARCH_NO;
}

static enum search_answer try_sent(const struct search_node *node, struct slice value)
{
	struct message_date date;
	if (!value.ptr || !message_parse_date(value, &date))
		return SEARCH_NO;
	return compare_day(node->source, MAIL_SEARCH_SENT_BEFORE, day_of(date));
}

static bool is_sent(const struct search_node *node)
{
	return node->source->op != MAIL_SEARCH_HEADER;
}

static enum search_answer try_envelope(
	const struct search_node *node, const struct search_message *message)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice field;
	if (!message->envelope.ptr ||
		!message_envelope_field(message->envelope, (unsigned)node->envelope_field, &field))
		return SEARCH_MAYBE;
	struct slice value = message_read_nstring(field, &arena);
	if (is_sent(node))
		return try_sent(node, value);
	return answer(value.ptr && value_has(value, node->needle));
}

/* Fields in the envelope, whose envelope did not say. */
static enum search_answer try_field(
	const struct search_node *node, const struct search_message *message)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	if (message->stage < STAGE_HEADER)
		return try_envelope(node, message);
	if (is_sent(node))
		return try_sent(node, message_header_value(message->header, "date", &arena));
	return try_header(node, message);
}

static void make_text(struct search_message *message, bool whole, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf text = BUF(TEXT_MAX);
	const struct message_part *root = message_parse(message->whole, &arena);
	(whole ? message_whole_text : message_body_text)(root, message->whole, &text);
	*to = BUF(FOLDED_MAX);
	charset_fold(buf_slice(&text), to);
}

static enum search_answer try_text(const struct search_node *node, struct search_message *message)
{
	bool whole = node->source->op == MAIL_SEARCH_TEXT;
	struct buf *text = whole ? &message->whole_text : &message->body_text;
	bool *has = whole ? &message->has_whole_text : &message->has_body_text;
	if (!*has)
		make_text(message, whole, text);
	*has = true;
	return answer(slice_search(buf_slice(text), node->needle) >= 0);
}

void search_message_forget(struct search_message *message)
{
	if (message->has_body_text)
		buf_free(&message->body_text);
	if (message->has_whole_text)
		buf_free(&message->whole_text);
	message->has_body_text = message->has_whole_text = false;
}

static enum search_answer try_row(
	const struct mail_search *source, const struct search_message *message)
{
	const struct mail_row *row = message->row;
	switch (source->op) {
	case MAIL_SEARCH_SEQ:
		return answer(mail_set_has(&source->set, message->seq));
	case MAIL_SEARCH_UID:
		return answer(mail_set_has(&source->set, row->uid));
	case MAIL_SEARCH_FLAG:
		return answer((row->flags & source->number) == source->number);
	case MAIL_SEARCH_KEYWORD:
		return answer(mail_keywords_has(message->keywords, source->text));
	case MAIL_SEARCH_RECENT:
		return answer(row->uid >= source->number);
	case MAIL_SEARCH_LARGER:
		return answer(row->size > source->number);
	case MAIL_SEARCH_SMALLER:
		return answer(row->size < source->number);
	case MAIL_SEARCH_MODSEQ:
		return answer(row->modseq >= source->number);
	default:
		return SEARCH_YES; /* ALL */
	}
}

static enum search_answer try_object(
	const struct search_node *node, const struct search_message *message)
{
	const struct mail_search *source = node->source;
	/* Ages past what a date can be are all the same. */
	int64_t age = (int64_t)MIN(source->number, (uint64_t)INT32_MAX * 1000);
	switch (source->op) {
	case MAIL_SEARCH_YOUNGER:
		return answer(message->internal_date.seconds >= message->now - age);
	case MAIL_SEARCH_OLDER:
		return answer(message->internal_date.seconds <= message->now - age);
	case MAIL_SEARCH_EMAIL_ID:
		return answer(!id_is_none(node->blob) && id_eq(node->blob, message->blob));
	case MAIL_SEARCH_SAVED_BEFORE:
	case MAIL_SEARCH_SAVED_ON:
	case MAIL_SEARCH_SAVED_SINCE:
		return compare_day(source, MAIL_SEARCH_SAVED_BEFORE, floor_day(message->saved));
	default:
		return compare_day(source, MAIL_SEARCH_BEFORE, day_of(message->internal_date));
	}
}

static enum search_answer try_leaf(const struct search_node *node, struct search_message *message)
{
	if (message->stage < node->stage)
		return SEARCH_MAYBE;
	switch (node->stage) {
	case STAGE_ROW:
		return try_row(node->source, message);
	case STAGE_OBJECT:
		return try_object(node, message);
	case STAGE_FACET:
		return try_field(node, message);
	case STAGE_HEADER:
		return try_header(node, message);
	default:
		return try_text(node, message);
	}
}

enum search_answer search_try(const struct search_node *node, struct search_message *message)
{
	enum search_answer all = SEARCH_YES, decided = SEARCH_NO, r;
	switch (node->source->op) {
	case MAIL_SEARCH_NOT:
		r = node->children ? search_try(node->children, message) : SEARCH_YES;
		return r == SEARCH_MAYBE ? r : answer(r == SEARCH_NO);
	case MAIL_SEARCH_OR:
		all = SEARCH_NO;
		decided = SEARCH_YES;
		break;
	case MAIL_SEARCH_AND:
		break;
	default:
		return try_leaf(node, message);
	}
	for (const struct search_node *child = node->children; child; child = child->next) {
		r = search_try(child, message);
		if (r == decided)
			return r;
		if (r == SEARCH_MAYBE)
			all = SEARCH_MAYBE;
	}
	return all;
}
