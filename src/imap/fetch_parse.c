/* FETCH's items. */
#include "imap/fetch_internal.h"

enum { LABEL_MAX = 64 * 1024 };

static const struct {
	const char *name;
	enum imap_fetch_kind kind;
} SIMPLE[] = {
	{"UID", IMAP_FETCH_UID},
	{"FLAGS", IMAP_FETCH_FLAGS},
	{"RFC822.SIZE", IMAP_FETCH_SIZE},
	{"MODSEQ", IMAP_FETCH_MODSEQ},
	{"INTERNALDATE", IMAP_FETCH_INTERNALDATE},
	{"SAVEDATE", IMAP_FETCH_SAVEDATE},
	{"EMAILID", IMAP_FETCH_EMAILID},
	{"THREADID", IMAP_FETCH_THREADID},
	{"ENVELOPE", IMAP_FETCH_ENVELOPE},
	{"BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE},
};

static struct imap_fetch_item *add(struct imap_parser *p, struct imap_fetch_request *q)
{
	if (q->count == IMAP_FETCH_ITEMS_MAX) {
		(void)imap_expected(p, "fewer items");
		return NULL;
	}
	struct imap_fetch_item *item = ARENA_NEW(p->arena, struct imap_fetch_item);
	struct imap_fetch_item **last = &q->items;
	while (*last)
		last = &(*last)->next;
	*last = item;
	q->count++;
	return item;
}

static void note_needs(struct imap_fetch_request *q, const struct imap_fetch_item *item)
{
	q->has_uid |= item->kind == IMAP_FETCH_UID;
	q->has_flags |= item->kind == IMAP_FETCH_FLAGS;
	q->has_modseq |= item->kind == IMAP_FETCH_MODSEQ;
	q->facets |= item->kind == IMAP_FETCH_ENVELOPE || item->kind == IMAP_FETCH_BODYSTRUCTURE;
	q->facts |= item->kind >= IMAP_FETCH_INTERNALDATE && item->kind != IMAP_FETCH_ENVELOPE &&
		    item->kind != IMAP_FETCH_BODYSTRUCTURE;
	q->sets_seen |= (item->kind == IMAP_FETCH_SECTION || item->kind == IMAP_FETCH_BINARY) &&
			!item->peek;
}

void imap_fetch_add(struct imap_parser *p, struct imap_fetch_request *q, enum imap_fetch_kind kind,
	const char *label)
{
	for (struct imap_fetch_item *item = q->items; item; item = item->next)
		if (item->kind == kind)
			return;
	struct imap_fetch_item *item = add(p, q);
	if (!item)
		return;
	item->kind = kind;
	item->label = slice_str(label);
	note_needs(q, item);
}

/* A field's name comes back in the answer's label, whatever form it was sent in. */
static bool write_field(struct slice name, struct buf *label)
{
	bool atom = name.len > 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c <= ' ' || c >= 127 || c == '"' || c == '\\')
			return false;
		atom &= imap_is_atom_char(c);
	}
	if (!atom)
		buf_add_byte(label, '"');
	buf_add_slice(label, name);
	if (!atom)
		buf_add_byte(label, '"');
	return name.len > 0;
}

/* "HEADER.FIELDS (From To)" */
static bool field_list(
	struct imap_parser *p, struct imap_fetch_item *item, const char *word, struct buf *label)
{
	struct slice names[IMAP_FLAGS_MAX];
	size_t count = 0;
	if (!imap_space(p) || !imap_char(p, '('))
		return false;
	buf_add_str(label, word);
	buf_add_str(label, " (");
	do {
		if (count == IMAP_FLAGS_MAX)
			return imap_expected(p, "fewer fields");
		if (count > 0)
			buf_add_byte(label, ' ');
		if (!imap_astring(p, &names[count++]))
			return false;
		if (!write_field(names[count - 1], label))
			return imap_expected(p, "a field's name");
	} while (imap_skip(p, ' '));
	buf_add_byte(label, ')');
	item->fields = message_field_names_new(names, count, p->arena);
	return imap_char(p, ')');
}

static bool part_numbers(struct imap_parser *p, struct imap_fetch_item *item, struct buf *label)
{
	uint32_t numbers[IMAP_SECTION_DEPTH_MAX];
	bool dot = false;
	while (p->rest.len > 0 && p->rest.ptr[0] >= '1' && p->rest.ptr[0] <= '9') {
		if (item->number_count == IMAP_SECTION_DEPTH_MAX)
			return imap_expected(p, "a section less deep");
		if (!imap_number(p, &numbers[item->number_count++]))
			return false;
		buf_add_u64(label, numbers[item->number_count - 1]);
		dot = imap_skip(p, '.');
		if (!dot)
			break;
		buf_add_byte(label, '.');
	}
	if (dot && imap_at(p, ']'))
		return imap_expected(p, "more behind the dot");
	uint32_t *copy = ARENA_ARRAY(p->arena, uint32_t, item->number_count);
	if (item->number_count)
		memcpy(copy, numbers, item->number_count * sizeof(*copy));
	item->numbers = copy;
	return true;
}

static const struct {
	const char *word;
	enum imap_section section;
} SECTIONS[] = {
	{"HEADER.FIELDS.NOT", IMAP_SECTION_FIELDS_NOT},
	{"HEADER.FIELDS", IMAP_SECTION_FIELDS},
	{"HEADER", IMAP_SECTION_HEADER},
	{"TEXT", IMAP_SECTION_TEXT},
	{"MIME", IMAP_SECTION_MIME},
};

static bool section_text(struct imap_parser *p, struct imap_fetch_item *item, struct buf *label)
{
	if (imap_at(p, ']'))
		return true;
	size_t i = 0;
	while (i < ARRAY_LEN(SECTIONS) && !imap_word(p, SECTIONS[i].word))
		i++;
	if (i == ARRAY_LEN(SECTIONS) ||
		(SECTIONS[i].section == IMAP_SECTION_MIME && item->number_count == 0))
		return imap_expected(p, "a section");
	item->section = SECTIONS[i].section;
	if (item->section == IMAP_SECTION_FIELDS || item->section == IMAP_SECTION_FIELDS_NOT)
		return field_list(p, item, SECTIONS[i].word, label);
	buf_add_str(label, SECTIONS[i].word);
	return true;
}

static bool partial(struct imap_parser *p, struct imap_fetch_item *item)
{
	if (!imap_skip(p, '<'))
		return true;
	item->partial = true;
	if (!imap_number64(p, &item->partial_from) || !imap_char(p, '.') ||
		!imap_number64(p, &item->partial_len))
		return false;
	if (item->partial_len == 0)
		return imap_expected(p, "a length above 0");
	return imap_char(p, '>');
}

/* "[1.2.HEADER]<0.100>"; `word` is "BODY" or "BINARY", in the answer without ".PEEK". */
static bool section(struct imap_parser *p, struct imap_fetch_item *item, const char *word)
{
	AUTO(buf_free) struct buf label = BUF(LABEL_MAX);
	buf_add_str(&label, word);
	buf_add_byte(&label, '[');
	if (!imap_char(p, '[') || !part_numbers(p, item, &label))
		return false;
	if (item->kind == IMAP_FETCH_SECTION && !section_text(p, item, &label))
		return false;
	buf_add_byte(&label, ']');
	if (!imap_char(p, ']'))
		return imap_expected(p, "\"]\"");
	if (item->kind != IMAP_FETCH_BINARY_SIZE && !partial(p, item))
		return false;
	if (item->partial)
		buf_printf(&label, "<%llu>", (unsigned long long)item->partial_from);
	if (label.failed)
		return imap_expected(p, "a shorter section");
	item->label = arena_copy(p->arena, buf_slice(&label));
	return true;
}

static const struct {
	const char *word, *label;
	enum imap_fetch_kind kind;
	bool peek;
} SECTIONED[] = {
	{"BODY.PEEK", "BODY", IMAP_FETCH_SECTION, true},
	{"BINARY.PEEK", "BINARY", IMAP_FETCH_BINARY, true},
	{"BINARY.SIZE", "BINARY.SIZE", IMAP_FETCH_BINARY_SIZE, true},
	{"BINARY", "BINARY", IMAP_FETCH_BINARY, false},
	{"BODY", "BODY", IMAP_FETCH_SECTION, false},
};

/* RFC822 and its kin are old names for sections. */
static const struct {
	const char *word;
	enum imap_section section;
	bool peek;
} OLD[] = {
	{"RFC822.HEADER", IMAP_SECTION_HEADER, true},
	{"RFC822.TEXT", IMAP_SECTION_TEXT, false},
	{"RFC822", IMAP_SECTION_ALL, false},
};

static bool sectioned(struct imap_parser *p, struct imap_fetch_request *q, bool *ret_found)
{
	for (size_t i = 0; i < ARRAY_LEN(SECTIONED); i++) {
		if (!imap_word(p, SECTIONED[i].word))
			continue;
		*ret_found = true;
		if (!imap_at(p, '[') && SECTIONED[i].kind == IMAP_FETCH_SECTION &&
			!SECTIONED[i].peek) {
			imap_fetch_add(p, q, IMAP_FETCH_STRUCTURE, "BODY");
			return true;
		}
		struct imap_fetch_item *item = add(p, q);
		if (!item)
			return false;
		item->kind = SECTIONED[i].kind;
		item->peek = SECTIONED[i].peek;
		if (!section(p, item, SECTIONED[i].label))
			return false;
		note_needs(q, item);
		return true;
	}
	return true;
}

static bool one_item(struct imap_parser *p, struct imap_fetch_request *q)
{
	for (size_t i = 0; i < ARRAY_LEN(SIMPLE); i++)
		if (imap_word(p, SIMPLE[i].name)) {
			imap_fetch_add(p, q, SIMPLE[i].kind, SIMPLE[i].name);
			return true;
		}
	for (size_t i = 0; i < ARRAY_LEN(OLD); i++)
		if (imap_word(p, OLD[i].word)) {
			struct imap_fetch_item *item = add(p, q);
			if (!item)
				return false;
			item->kind = IMAP_FETCH_SECTION;
			item->section = OLD[i].section;
			item->peek = OLD[i].peek;
			item->label = slice_str(OLD[i].word);
			note_needs(q, item);
			return true;
		}
	bool found = false;
	if (!sectioned(p, q, &found))
		return false;
	return found || imap_expected(p, "a FETCH item");
}

static bool macro(struct imap_parser *p, struct imap_fetch_request *q)
{
	bool all = imap_word(p, "ALL"), full = !all && imap_word(p, "FULL");
	if (!all && !full && !imap_word(p, "FAST"))
		return false;
	imap_fetch_add(p, q, IMAP_FETCH_FLAGS, "FLAGS");
	imap_fetch_add(p, q, IMAP_FETCH_INTERNALDATE, "INTERNALDATE");
	imap_fetch_add(p, q, IMAP_FETCH_SIZE, "RFC822.SIZE");
	if (all || full)
		imap_fetch_add(p, q, IMAP_FETCH_ENVELOPE, "ENVELOPE");
	if (full)
		imap_fetch_add(p, q, IMAP_FETCH_STRUCTURE, "BODY");
	return true;
}

bool imap_fetch_items(struct imap_parser *p, struct imap_fetch_request *ret_request)
{
	*ret_request = (struct imap_fetch_request){0};
	if (!imap_skip(p, '('))
		return macro(p, ret_request) || one_item(p, ret_request);
	do {
		if (!one_item(p, ret_request))
			return false;
	} while (imap_skip(p, ' '));
	return imap_char(p, ')');
}
