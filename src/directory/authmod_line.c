/* The line grammar of authmod, both ways. */
#include "directory/authmod_line.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Cuts "…" off the front. Without a backslash inside, the result points into the line. */
static bool cut_quoted(struct directory_authmod_line *l, struct slice *rest, struct slice *ret_text)
{
	const char *from = l->bytes + l->used;
	size_t at = 1;
	bool escaped = false;
	while (at < rest->len && rest->ptr[at] != '"') {
		if (rest->ptr[at] == '\\') {
			escaped = true;
			at++;
		}
		at++;
	}
	if (at >= rest->len || (at + 1 < rest->len && !is_blank(rest->ptr[at + 1])))
		return false;
	*ret_text = slice_sub(*rest, 1, at - 1);
	if (escaped) {
		for (size_t i = 1; i < at; i++) {
			if (rest->ptr[i] == '\\')
				i++;
			l->bytes[l->used++] = rest->ptr[i];
		}
		*ret_text = slice(from, (size_t)(l->bytes + l->used - from));
	}
	*rest = slice_from(*rest, at + 1);
	return true;
}

static struct slice cut_bare(struct slice *rest)
{
	size_t len = 0;
	while (len < rest->len && !is_blank(rest->ptr[len]))
		len++;
	struct slice word = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return word;
}

/* Length of the name of a name="value" (in answers name=value too) at the front; 0: it is a word.
 */
static size_t field_name(struct slice rest, bool answer)
{
	size_t len = 0;
	while (len < rest.len && is_name(rest.ptr[len]))
		len++;
	bool quoted = len + 1 < rest.len && rest.ptr[len + 1] == '"';
	return len < rest.len && rest.ptr[len] == '=' && (answer || quoted) ? len : 0;
}

static bool cut_field(struct directory_authmod_line *l, struct slice *rest, size_t name_len)
{
	struct slice name = slice_sub(*rest, 0, name_len), value;
	*rest = slice_from(*rest, name_len + 1);
	if (rest->len > 0 && rest->ptr[0] == '"') {
		if (!cut_quoted(l, rest, &value))
			return false;
	} else {
		value = cut_bare(rest);
	}
	if (l->field_count < DIRECTORY_AUTHMOD_FIELDS_MAX) {
		l->fields[l->field_count].name = name;
		l->fields[l->field_count++].value = value;
	}
	return true;
}

static bool cut_word(struct directory_authmod_line *l, struct slice *rest)
{
	if (l->word_count == DIRECTORY_AUTHMOD_WORDS_MAX)
		return false;
	struct slice *word = &l->words[l->word_count++];
	if (rest->ptr[0] == '"')
		return cut_quoted(l, rest, word);
	*word = cut_bare(rest);
	return true;
}

bool directory_authmod_parse(struct slice line, struct directory_authmod_line *ret_line)
{
	struct slice rest = slice_trim(line);
	bool answer = rest.len > 0 && rest.ptr[0] == '+';
	bool refusal = rest.len > 0 && rest.ptr[0] == '-';
	ret_line->word_count = ret_line->field_count = ret_line->used = 0;
	if (line.len > DIRECTORY_AUTHMOD_LINE_MAX)
		return false;
	for (size_t i = 0; i < rest.len; i++)
		if (is_control(rest.ptr[i]) && rest.ptr[i] != '\t')
			return false;
	if (refusal) {
		ret_line->words[0] = cut_bare(&rest);
		ret_line->words[1] = slice_trim(rest);
		ret_line->word_count = 2;
		return true;
	}
	while (rest.len > 0) {
		size_t name = field_name(rest, answer);
		if (is_blank(rest.ptr[0]))
			rest = slice_from(rest, 1);
		else if (name > 0 ? !cut_field(ret_line, &rest, name) : !cut_word(ret_line, &rest))
			return false;
	}
	return true;
}

static void add_quoted(struct buf *to, struct slice text)
{
	buf_add_byte(to, '"');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"' || c == '\\')
			buf_add_byte(to, '\\');
		buf_add_byte(to, is_control(c) ? ' ' : c);
	}
	buf_add_byte(to, '"');
}

void directory_authmod_add_word(struct buf *to, struct slice word)
{
	bool bare = word.len > 0 && word.ptr[0] != '+' && word.ptr[0] != '-';
	for (size_t i = 0; i < word.len && bare; i++)
		bare = word.ptr[i] != ' ' && word.ptr[i] != '"' && word.ptr[i] != '\\' &&
		       word.ptr[i] != '=' && !is_control(word.ptr[i]);
	buf_add_byte(to, ' ');
	if (bare)
		buf_add_slice(to, word);
	else
		add_quoted(to, word);
}

void directory_authmod_add_field(struct buf *to, const char *name, struct slice value)
{
	buf_add_byte(to, ' ');
	buf_add_str(to, name);
	buf_add_byte(to, '=');
	add_quoted(to, value);
}

void directory_authmod_add_number(struct buf *to, const char *name, uint64_t value)
{
	buf_add_byte(to, ' ');
	buf_add_str(to, name);
	buf_add_str(to, "=\"");
	buf_add_u64(to, value);
	buf_add_byte(to, '"');
}

struct slice directory_authmod_field(const struct directory_authmod_line *line, const char *name)
{
	for (size_t i = 0; i < line->field_count; i++)
		if (slice_eq_nocase(line->fields[i].name, slice_str(name)))
			return line->fields[i].value;
	return SLICE("");
}
