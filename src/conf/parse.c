/* Recursive descent over one text. The reader keeps line and column as it goes, so that every word
 * knows its place. */
#include "conf/parse.h"

struct reader {
	struct arena *arena;
	const struct conf_source *source;
	struct conf_counts *counts;
	struct conf_faults *faults;
	size_t at;
	unsigned line, column;
};

static struct conf_place here(const struct reader *r)
{
	return (struct conf_place){r->source, r->line, r->column};
}

static bool at_end(const struct reader *r)
{
	return r->at >= r->source->text.len;
}

/* The byte at hand; only when not at the end. */
static char peek(const struct reader *r)
{
	return r->source->text.ptr[r->at];
}

static void step(struct reader *r)
{
	char c = r->source->text.ptr[r->at++];
	if (c == '\n') {
		r->line++;
		r->column = 1;
	} else if (at_end(r) || ((unsigned char)peek(r) & 0xc0) != 0x80) {
		r->column++;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_word(char c)
{
	return is_space(c) || c == ';' || c == '{' || c == '}';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && !is_space(c)) || c == 0x7f;
}

static void skip_space(struct reader *r)
{
	while (!at_end(r)) {
		if (peek(r) == '#')
			while (!at_end(r) && peek(r) != '\n')
				step(r);
		else if (is_space(peek(r)))
			step(r);
		else
			return;
	}
}

static int control_fault(struct reader *r)
{
	return conf_fault(r->faults, here(r), "control character 0x%02x in the text",
		(unsigned)(unsigned char)peek(r));
}

/* The rest of a quoted string, behind the opening quote at `start`. */
static int read_quoted(struct reader *r, struct conf_place start, struct buf *to)
{
	for (;;) {
		if (at_end(r) || peek(r) == '\n')
			return conf_fault(
				r->faults, start, "quoted string is not closed on its line");
		if (is_control(peek(r)))
			return control_fault(r);
		if (peek(r) == '"') {
			step(r);
			return 0;
		}
		char c = peek(r);
		if (c == '\\') {
			struct conf_place escape = here(r);
			step(r);
			c = at_end(r) ? '\0' : peek(r);
			if (c != '"' && c != '\\' && c != 'n')
				return conf_fault(r->faults, escape,
					"unknown escape, expected \\\" or \\\\ or \\n");
			if (c == 'n')
				c = '\n';
		}
		buf_add_byte(to, c);
		step(r);
	}
}

static int read_bare(struct reader *r, struct buf *to)
{
	while (!at_end(r) && !ends_word(peek(r))) {
		if (is_control(peek(r)))
			return control_fault(r);
		if (peek(r) == '"')
			return conf_fault(r->faults, here(r),
				"quote within a word, expected a space before it");
		buf_add_byte(to, peek(r));
		step(r);
	}
	return 0;
}

/* One word; the reader stands on its first character. */
static int read_word(struct reader *r, struct conf_word *ret_word)
{
	AUTO(buf_free) struct buf text = BUF(CONF_WORD_MAX);
	struct conf_place start = here(r);
	if (++r->counts->words > CONF_WORDS_MAX)
		return conf_fault(r->faults, start, "more than %d words", (int)CONF_WORDS_MAX);
	int outcome;
	if (peek(r) == '"') {
		step(r);
		outcome = read_quoted(r, start, &text);
		if (outcome == 0 && !at_end(r) && !ends_word(peek(r)))
			outcome = conf_fault(r->faults, here(r),
				"expected a space, \";\" or \"{\" behind the quoted string");
	} else {
		outcome = read_bare(r, &text);
	}
	if (outcome < 0)
		return outcome;
	if (text.failed)
		return conf_fault(
			r->faults, start, "word is longer than %d bytes", (int)CONF_WORD_MAX);
	*ret_word = (struct conf_word){arena_copy(r->arena, buf_slice(&text)), start, NULL};
	return 0;
}

static int read_statements(
	struct reader *r, const struct conf_node *block, unsigned depth, struct conf_node **tail);

/* What stands behind the name: values, then ";" or a block. */
static int read_rest(struct reader *r, struct conf_node *node, unsigned depth)
{
	struct conf_word **tail = &node->values;
	struct conf_place behind = here(r);
	for (;;) {
		skip_space(r);
		if (at_end(r) || peek(r) == '}')
			return conf_fault(r->faults, behind,
				"expected \";\" or \"{\" behind \"%.*s\"",
				SLICE_ARG(node->name.text));
		if (peek(r) == ';') {
			step(r);
			return 0;
		}
		if (peek(r) == '{') {
			if (depth >= CONF_DEPTH_MAX)
				return conf_fault(r->faults, here(r),
					"blocks are nested more than %d deep", (int)CONF_DEPTH_MAX);
			step(r);
			node->is_block = true;
			return read_statements(r, node, depth + 1, &node->children);
		}
		struct conf_word *word = ARENA_NEW(r->arena, struct conf_word);
		if (read_word(r, word) < 0)
			return -1;
		behind = here(r);
		node->value_count++;
		*tail = word;
		tail = &word->next;
	}
}

/* Statements up to the "}" that closes `block`, or the end of the text when there is none. */
static int read_statements(
	struct reader *r, const struct conf_node *block, unsigned depth, struct conf_node **tail)
{
	for (;;) {
		skip_space(r);
		if (at_end(r))
			return block ? conf_fault(r->faults, block->name.place,
					       "block \"%.*s\" is not closed, expected \"}\"",
					       SLICE_ARG(block->name.text))
				     : 0;
		char c = peek(r);
		if (c == '}' && block) {
			step(r);
			return 0;
		}
		if (c == '}' || c == ';' || c == '{' || c == '"')
			return conf_fault(
				r->faults, here(r), "expected the name of an option, found %c", c);
		if (++r->counts->nodes > CONF_NODES_MAX)
			return conf_fault(
				r->faults, here(r), "more than %d statements", (int)CONF_NODES_MAX);
		struct conf_node *node = ARENA_NEW(r->arena, struct conf_node);
		if (read_word(r, &node->name) < 0 || read_rest(r, node, depth) < 0)
			return -1;
		*tail = node;
		tail = &node->next;
	}
}

int conf_parse(struct arena *arena, const struct conf_source *source, struct conf_counts *counts,
	struct conf_faults *faults, struct conf_node **ret_first)
{
	struct reader r = {arena, source, counts, faults, 0, 1, 1};
	*ret_first = NULL;
	if (source->text.len > CONF_TEXT_MAX)
		return conf_fault(
			faults, here(&r), "the file is larger than %d bytes", (int)CONF_TEXT_MAX);
	return read_statements(&r, NULL, 0, ret_first);
}
