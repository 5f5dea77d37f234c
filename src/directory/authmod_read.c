/* Answers of other makers' programs, read as they are meant. */
#include "directory/authmod_line.h"

static bool is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static void add(struct directory_authmod_line *l, char c)
{
	l->bytes[l->used++] = is_blank(c) ? ' ' : c; /* no more than the line has */
}

/* A quote that ends: a blank or nothing follows. */
static bool ends_here(struct slice rest, size_t at)
{
	return rest.ptr[at] == '"' && (at + 1 == rest.len || is_blank(rest.ptr[at + 1]));
}

/* Behind the quote that opens; up to the one that ends, or all. */
static struct slice cut_quoted(struct directory_authmod_line *l, struct slice *rest)
{
	size_t from = l->used, at = 1;
	for (; at < rest->len && !ends_here(*rest, at); at++) {
		/* before the last quote of the line it is the end of a path */
		if (rest->ptr[at] == '\\' && at + 2 < rest->len && rest->ptr[at + 1] == '"')
			at++;
		add(l, rest->ptr[at]);
	}
	*rest = slice_from(*rest, at + 1);
	return slice(l->bytes + from, l->used - from);
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

static struct slice cut_value(struct directory_authmod_line *l, struct slice *rest)
{
	return rest->len > 0 && rest->ptr[0] == '"' ? cut_quoted(l, rest) : cut_bare(rest);
}

static size_t field_name(struct slice rest)
{
	size_t len = 0;
	while (len < rest.len && is_name(rest.ptr[len]))
		len++;
	return len < rest.len && rest.ptr[len] == '=' ? len : 0;
}

static void cut_one(struct directory_authmod_line *l, struct slice *rest)
{
	size_t name_len = field_name(*rest);
	struct slice name = slice_sub(*rest, 0, name_len);
	if (name_len > 0)
		*rest = slice_from(*rest, name_len + 1);
	struct slice value = cut_value(l, rest);
	if (name_len == 0) {
		if (l->word_count < DIRECTORY_AUTHMOD_WORDS_MAX)
			l->words[l->word_count++] = value;
	} else if (l->field_count < DIRECTORY_AUTHMOD_FIELDS_MAX) {
		l->fields[l->field_count].name = name;
		l->fields[l->field_count++].value = value;
	}
}

static struct slice without_blanks(struct slice s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = slice_from(s, 1);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool directory_authmod_read(struct slice line, struct directory_authmod_line *ret_line)
{
	struct slice rest = without_blanks(line);
	ret_line->word_count = ret_line->field_count = ret_line->used = 0;
	if (line.len > DIRECTORY_AUTHMOD_LINE_MAX || rest.len == 0)
		return false;
	if (rest.ptr[0] == '-') { /* a refusal: its second word is the whole reason */
		ret_line->words[0] = cut_bare(&rest);
		rest = without_blanks(rest);
		for (size_t i = 0; i < rest.len; i++)
			add(ret_line, rest.ptr[i]);
		ret_line->words[1] = slice(ret_line->bytes, ret_line->used);
		ret_line->word_count = 2;
		return true;
	}
	while ((rest = without_blanks(rest)).len > 0)
		cut_one(ret_line, &rest);
	return ret_line->word_count > 0;
}
