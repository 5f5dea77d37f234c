/* A walk over the query that knows where names can't be. */
#include "directory/sql_text.h"

#include <stdlib.h>

static const char *const names[DIRECTORY_SQL_VALUES] = {
	[DIRECTORY_SQL_USER] = "user",
	[DIRECTORY_SQL_LOCAL] = "local",
	[DIRECTORY_SQL_DOMAIN] = "domain",
	[DIRECTORY_SQL_PASSWORD] = "password",
	[DIRECTORY_SQL_TO] = "to",
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

static char at(struct slice s, size_t i)
{
	return i < s.len ? s.ptr[i] : '\0';
}

/* Length of what is in quotes; a doubled quote is part of it, and in E'…' one behind a backslash.
 */
static size_t quoted(struct slice s, size_t from, bool escapes)
{
	char quote = s.ptr[from];
	for (size_t i = from + 1; i < s.len; i++) {
		if (escapes && s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == quote && at(s, i + 1) == quote)
			i++;
		else if (s.ptr[i] == quote)
			return i + 1 - from;
	}
	return s.len - from;
}

/* Of $tag$ … $tag$; 0: it is none. */
static size_t dollar_quoted(struct slice s, size_t from)
{
	size_t end = from + 1;
	while (is_word(at(s, end)))
		end++;
	if (at(s, end) != '$' || (at(s, from + 1) >= '0' && at(s, from + 1) <= '9'))
		return 0;
	struct slice tag = slice_sub(s, from, end + 1 - from);
	ssize_t close = slice_search(slice_from(s, end + 1), tag);
	return close < 0 ? s.len - from : end + 1 - from + (size_t)close + tag.len;
}

static size_t comment(struct slice s, size_t from)
{
	if (s.ptr[from] == '-') {
		ssize_t end = slice_find(slice_from(s, from), '\n');
		return end < 0 ? s.len - from : (size_t)end + 1;
	}
	size_t depth = 0, i = from;
	do { /* they nest */
		if (at(s, i) == '/' && at(s, i + 1) == '*')
			depth++, i += 2;
		else if (at(s, i) == '*' && at(s, i + 1) == '/')
			depth--, i += 2;
		else
			i++;
	} while (depth > 0 && i < s.len);
	return MIN(i, s.len) - from;
}

/* Length of what is to be copied as it is from there on; 0: a name may begin. */
static size_t plain(struct slice s, size_t i)
{
	char c = s.ptr[i], next = at(s, i + 1);
	if (c == '\'' || c == '"') {
		bool escapes = i > 0 && (s.ptr[i - 1] == 'E' || s.ptr[i - 1] == 'e') &&
			       (i < 2 || !is_word(s.ptr[i - 2]));
		return quoted(s, i, escapes && c == '\'');
	}
	if (c == '$' && (i == 0 || !is_word(s.ptr[i - 1])) && dollar_quoted(s, i) > 0)
		return dollar_quoted(s, i);
	if ((c == '-' && next == '-') || (c == '/' && next == '*'))
		return comment(s, i);
	if (c == ':' && next == ':')
		return 2;
	return c == ':' && is_letter(next) ? 0 : 1;
}

static unsigned number_of(struct directory_sql_text *t, enum directory_sql_value value)
{
	unsigned n = 0;
	while (n < t->count && t->values[n] != value)
		n++;
	if (n == t->count)
		t->values[t->count++] = value;
	return n + 1;
}

/* Behind the colon. */
static int put_value(struct slice name, size_t place, enum directory_sql_value extra,
	struct directory_sql_text *t, struct buf *to, struct err *err)
{
	bool more = extra < DIRECTORY_SQL_VALUES;
	for (unsigned v = 0; v < DIRECTORY_SQL_VALUES; v++)
		if ((v < DIRECTORY_SQL_PASSWORD || v == extra) &&
			slice_eq(name, slice_str(names[v]))) {
			buf_printf(to, "$%u", number_of(t, (enum directory_sql_value)v));
			return 0;
		}
	return err_permanent(err, ERR_BAD_INPUT,
		"there is no value \":%.*s\" (character %zu), expected :user, :local%s :domain%s%s",
		SLICE_ARG(slice_sub(name, 0, 40)), place + 1, more ? "," : " or",
		more ? " or :" : "", more ? names[extra] : "");
}

int directory_sql_number(struct slice query, enum directory_sql_value extra,
	struct directory_sql_text *ret_text, struct err *err)
{
	AUTO(buf_free) struct buf to = BUF(DIRECTORY_SQL_MAX);
	struct directory_sql_text t = {0};
	for (size_t i = 0; i < query.len;) {
		size_t len = plain(query, i);
		if (len > 0) {
			buf_add_slice(&to, slice_sub(query, i, len));
			i += len;
			continue;
		}
		size_t end = i + 1;
		while (is_word(at(query, end)))
			end++;
		struct slice name = slice_sub(query, i + 1, end - i - 1);
		if (put_value(name, i, extra, &t, &to, err) < 0)
			return -1;
		i = end;
	}
	if (to.failed)
		return err_permanent(err, ERR_BAD_INPUT, "the query is too long");
	*ret_text = t;
	ret_text->sql = slice_dup(buf_slice(&to));
	return 0;
}

void directory_sql_text_free(struct directory_sql_text *text)
{
	free(text->sql);
	text->sql = NULL;
}
