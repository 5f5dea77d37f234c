/* Address lists. One pass of words: they collect in an output (never longer than the input) until a
 * delimiter says what they were: a phrase before '<' or ':', a local part before '@'. Mail is full
 * of lists that the grammar refuses, so every character has some meaning everywhere. */
#include "message/address.h"

#include "message/lex_internal.h"
#include "message/words_internal.h"

struct parser {
	struct lex lex;
	struct arena *arena;
	char *out; /* where the next output byte goes */
	struct message_address *first, **tail;
	unsigned count;
	bool in_group;
	const char *no_word_before; /* no encoded word that begins before this ends */
};

/* The words of one item so far. */
struct words {
	char *start;
	char *last;      /* start of the last word; words around a dot are one */
	bool spaced_dot; /* obsolete "a . b" */
	struct slice comment;
};

static struct slice between(const char *from, const char *to)
{
	return slice(from, (size_t)(to - from));
}

static struct message_address *add(struct parser *ps)
{
	struct message_address *address = ARENA_NEW(ps->arena, struct message_address);
	*ps->tail = address;
	ps->tail = &address->next;
	ps->count++;
	return address;
}

static bool is_delimiter(char c)
{
	return c == ',' || c == ';' || c == ':' || c == '<' || c == '>' || c == '@';
}

static bool is_word_char(char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case '(':
	case ')':
	case '"':
	case '[':
	case ']':
	case '\\':
		return false;
	default:
		return !is_delimiter(c);
	}
}

/* Length of the encoded word here, else 0: many mailers put commas and '@' into them. */
static size_t encoded_word_len(struct parser *ps)
{
	const char *p = ps->lex.p, *end = ps->lex.end;
	struct encoded_word word;
	if (p < ps->no_word_before || end - p < 8 || p[0] != '=' || p[1] != '?' ||
		!encoded_word_begin(between(p, end), &word))
		return 0;
	for (const char *q = word.text.ptr; q < end; q++) {
		if (q[0] == '?' && end - q > 1 && q[1] == '=')
			return (size_t)(q + 2 - p);
		if (*q == ' ' || *q == '\t' || *q == '\r' || *q == '\n' || *q == '<') {
			ps->no_word_before = q;
			return 0;
		}
	}
	ps->no_word_before = end;
	return 0;
}

static void put(struct parser *ps, const char *p, size_t len)
{
	memcpy(ps->out, p, len);
	ps->out += len;
}

static void begin_word(struct parser *ps, struct words *w, bool spaced, char first)
{
	if (!spaced || ps->out == w->start)
		return;
	bool joined = ps->out[-1] == '.' || first == '.';
	put(ps, " ", 1);
	if (joined)
		w->spaced_dot = true;
	else
		w->last = ps->out;
}

/* Reads words up to a delimiter, which stays; 0 at the end. */
static char read_words(struct parser *ps, struct words *w)
{
	for (;;) {
		bool spaced = lex_skip_space(&ps->lex, &w->comment);
		if (ps->lex.p >= ps->lex.end)
			return 0;
		const char *p = ps->lex.p;
		struct slice inside;
		if (is_delimiter(*p))
			return *p;
		begin_word(ps, w, spaced, *p);
		if (*p == '"' && lex_quoted(&ps->lex, &inside)) {
			ps->out += lex_unescape(inside, ps->out);
			continue;
		}
		size_t len = *p == '=' ? encoded_word_len(ps) : 0;
		if (len == 0)
			while (p + len < ps->lex.end && is_word_char(p[len]))
				len++;
		if (len == 0 && *p != '"')
			put(ps, p, 1);
		put(ps, p, len);
		ps->lex.p += MAX(len, 1u);
	}
}

/* Spaces around dots go from the local part that begins at `from`. */
static void close_dots(struct parser *ps, char *from)
{
	char *to = from;
	for (char *p = from; p < ps->out; p++) {
		bool after = to > from && to[-1] == '.';
		bool before = ps->out - p > 1 && p[1] == '.';
		if (*p == ' ' && (after || before))
			continue;
		*to++ = *p;
	}
	ps->out = to;
}

/* A domain or address literal; what is there may be empty. */
static struct slice read_domain(struct parser *ps, struct slice *comment)
{
	char *start = ps->out;
	struct lex *l = &ps->lex;
	(void)lex_skip_space(l, comment);
	if (l->p < l->end && *l->p == '[') {
		while (l->p < l->end && *l->p != ']' && *l->p != '>' && *l->p != ',') {
			if (*l->p != '\r' && *l->p != '\n' && *l->p != ' ' && *l->p != '\t')
				put(ps, l->p, 1);
			l->p++;
		}
		if (l->p < l->end && *l->p == ']') {
			put(ps, "]", 1);
			l->p++;
		}
		return between(start, ps->out);
	}
	while (l->p < l->end && is_word_char(*l->p)) {
		size_t len = 1;
		while (l->p + len < l->end && is_word_char(l->p[len]))
			len++;
		put(ps, l->p, len);
		l->p += len;
		(void)lex_skip_space(l, comment);
		if (ps->out[-1] != '.' && (l->p >= l->end || *l->p != '.'))
			break;
	}
	return between(start, ps->out);
}

/* At '@': the domain after it, and any more of them ("a@b@c": the last one counts). */
static void read_at_domain(
	struct parser *ps, char *local, struct message_address *address, struct slice *comment)
{
	do {
		address->mailbox = between(local, ps->out);
		put(ps, "@", 1);
		ps->lex.p++;
		address->host = read_domain(ps, comment);
		(void)lex_skip_space(&ps->lex, comment);
	} while (ps->lex.p < ps->lex.end && *ps->lex.p == '@');
}

/* "@a,@b:" in front of an address in angles. */
static struct slice read_route(struct parser *ps)
{
	char *start = ps->out;
	const char *colon = ps->lex.p;
	while (colon < ps->lex.end && *colon != ':' && *colon != '>')
		colon++;
	if (colon >= ps->lex.end || *colon != ':')
		return SLICE_NONE;
	for (; ps->lex.p < colon; ps->lex.p++)
		if (!strchr(" \t\r\n", *ps->lex.p) || *ps->lex.p == '\0')
			put(ps, ps->lex.p, 1);
	ps->lex.p++;
	return between(start, ps->out);
}

/* At '<'. */
static void read_angle(struct parser *ps, struct message_address *address, struct words *outer)
{
	struct words w = {.comment = outer->comment};
	ps->lex.p++;
	(void)lex_skip_space(&ps->lex, &w.comment);
	if (ps->lex.p < ps->lex.end && *ps->lex.p == '@')
		address->route = read_route(ps);
	w.start = w.last = ps->out;
	char c;
	while ((c = read_words(ps, &w)) == ':' || c == '<') {
		put(ps, &c, 1);
		ps->lex.p++;
	}
	if (w.spaced_dot)
		close_dots(ps, w.start);
	if (c == '@') {
		read_at_domain(ps, w.start, address, &w.comment);
	} else {
		address->mailbox = between(w.start, ps->out);
		address->host = between(ps->out, ps->out);
	}
	while ((c = read_words(ps, &w)) == ':' || c == '<' || c == '@')
		ps->lex.p++;
	if (c == '>')
		ps->lex.p++;
	outer->comment = w.comment;
}

/* Reads past the item that starts here: words that begin a group, or an address. */
static void read_item(struct parser *ps)
{
	struct words w = {.start = ps->out, .last = ps->out};
	struct message_address found = {0};
	char c;
	while ((c = read_words(ps, &w)) == '>' || c == ':') {
		ps->lex.p++;
		if (c == ':' && !ps->in_group && ps->out > w.start) {
			ps->in_group = true;
			add(ps)->mailbox = between(w.start, ps->out);
			return;
		}
	}
	if (c == '@') {
		if (w.spaced_dot)
			close_dots(ps, w.last);
		found.name = between(w.start, w.last > w.start ? w.last - 1 : w.start);
		read_at_domain(ps, w.last, &found, &w.comment);
		c = ps->lex.p < ps->lex.end ? *ps->lex.p : 0;
	} else {
		found.mailbox = between(w.start, ps->out);
		found.host = between(ps->out, ps->out);
	}
	if (c == '<') {
		found.name = between(w.start, ps->out);
		read_angle(ps, &found, &w);
	}
	while ((c = read_words(ps, &w)) != 0 && c != ',' && c != ';')
		ps->lex.p++;
	if (found.name.len + found.mailbox.len + found.host.len > 0) {
		if (found.name.len == 0 && w.comment.len > 0) {
			char *name = ps->out;
			ps->out += lex_unescape(w.comment, ps->out);
			found.name = slice_trim(between(name, ps->out));
		}
		struct message_address *address = add(ps);
		*address = found;
	}
	if (c != 0)
		ps->lex.p++;
	if (c == ';' && ps->in_group) {
		ps->in_group = false;
		(void)add(ps);
	}
}

struct message_address *message_parse_addresses(struct slice value, struct arena *arena)
{
	struct parser ps = {.lex = lex_at(value), .arena = arena, .tail = &ps.first};
	if (value.len == 0)
		return NULL;
	ps.out = arena_alloc(arena, value.len);
	/* An item adds two at most; one place stays for the end of a group. */
	while (ps.lex.p < ps.lex.end && ps.count + 3 <= MESSAGE_ADDRESSES_MAX)
		read_item(&ps);
	if (ps.in_group)
		(void)add(&ps);
	return ps.first;
}
