/* The line grammar: whatever parses, written again, parses to the same words and fields. */
#include "base/must.h"
#include "directory/authmod_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct directory_authmod_line *line, struct buf *to)
{
	for (size_t i = 0; i < line->word_count; i++)
		directory_authmod_add_word(to, line->words[i]);
	for (size_t i = 0; i < line->field_count; i++) {
		AUTO(buf_free) struct buf name = BUF(DIRECTORY_AUTHMOD_LINE_MAX);
		buf_add_slice(&name, line->fields[i].name);
		directory_authmod_add_field(to, buf_cstr(&name), line->fields[i].value);
	}
}

static void compare(const struct directory_authmod_line *a, const struct directory_authmod_line *b)
{
	must(a->word_count == b->word_count);
	must(a->field_count == b->field_count);
	for (size_t i = 0; i < a->word_count; i++)
		must(slice_eq(a->words[i], b->words[i]));
	for (size_t i = 0; i < a->field_count; i++) {
		must(slice_eq(a->fields[i].name, b->fields[i].name));
		must(slice_eq(a->fields[i].value, b->fields[i].value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct directory_authmod_line line, again;
	AUTO(buf_free) struct buf text = BUF(DIRECTORY_AUTHMOD_LINE_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	if (!directory_authmod_parse(slice(data, size), &line))
		return 0;
	if (directory_authmod_take_user(&line, &arena, &user))
		must(slice_eq(user.name, line.words[1]));
	write_again(&line, &text);
	/* tabs in quotes have become blanks; quotes may not fit any more */
	if (memchr(data, '\t', size) || text.failed)
		return 0;
	must(directory_authmod_parse(buf_slice(&text), &again));
	compare(&line, &again);
	return 0;
}
