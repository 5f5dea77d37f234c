/* Words, quotes and literals. */
#include "proxy/sieve_line.h"

/* The quoted string at the front, which begins behind the quote. */
static enum proxy_sieve_outcome cut_quoted(
	struct slice *rest, struct arena *arena, struct slice *ret_text)
{
	size_t at = 0, len = 0;
	while (at < rest->len && rest->ptr[at] != '"') {
		if (rest->ptr[at] == '\r' || rest->ptr[at] == '\n' || rest->ptr[at] == '\0')
			return PROXY_SIEVE_BAD;
		at += rest->ptr[at] == '\\' ? 2 : 1;
	}
	if (at >= rest->len)
		return PROXY_SIEVE_MORE;
	char *text = arena_alloc(arena, at + 1);
	for (size_t i = 0; i < at; i++) {
		if (rest->ptr[i] == '\\')
			i++;
		if (rest->ptr[i] == '\r' || rest->ptr[i] == '\n' || rest->ptr[i] == '\0')
			return PROXY_SIEVE_BAD;
		text[len++] = rest->ptr[i];
	}
	*ret_text = slice(text, len);
	*rest = slice_from(*rest, at + 1);
	return PROXY_SIEVE_LINE;
}

/* The byte at the front is this one; MORE when there is none. */
static enum proxy_sieve_outcome skip(struct slice *rest, char c)
{
	if (rest->len == 0)
		return PROXY_SIEVE_MORE;
	if (rest->ptr[0] != c)
		return PROXY_SIEVE_BAD;
	*rest = slice_from(*rest, 1);
	return PROXY_SIEVE_LINE;
}

/* "{12+}" and what follows its line; a server leaves the plus out. */
static enum proxy_sieve_outcome cut_literal(struct slice *rest, struct slice *ret_text)
{
	enum { DIGITS_MAX = 9 };
	struct slice at = slice_from(*rest, 1);
	uint64_t size = 0;
	size_t digits = 0;
	while (digits < at.len && at.ptr[digits] >= '0' && at.ptr[digits] <= '9')
		digits++;
	if (digits > DIGITS_MAX || (digits == 0 && at.len > 0))
		return PROXY_SIEVE_BAD;
	if (digits == at.len)
		return PROXY_SIEVE_MORE;
	if (!slice_to_u64(slice_sub(at, 0, digits), PROXY_SIEVE_LITERAL_MAX, &size))
		return PROXY_SIEVE_BAD;
	at = slice_from(at, digits);
	(void)skip(&at, '+');
	enum proxy_sieve_outcome r = skip(&at, '}');
	if (r == PROXY_SIEVE_LINE && skip(&at, '\r') == PROXY_SIEVE_MORE)
		return PROXY_SIEVE_MORE;
	if (r == PROXY_SIEVE_LINE)
		r = skip(&at, '\n');
	if (r != PROXY_SIEVE_LINE)
		return r;
	if (at.len < size)
		return PROXY_SIEVE_MORE;
	*ret_text = slice_sub(at, 0, (size_t)size);
	*rest = slice_from(at, (size_t)size);
	return PROXY_SIEVE_LINE;
}

static bool ends_atom(char c)
{
	return c == ' ' || c == '\r' || c == '\n' || c == '"' || c == '{';
}

static enum proxy_sieve_outcome cut_word(
	struct slice *rest, struct arena *arena, struct slice *ret_text)
{
	size_t len = 0;
	if (rest->ptr[0] == '"') {
		*rest = slice_from(*rest, 1);
		return cut_quoted(rest, arena, ret_text);
	}
	if (rest->ptr[0] == '{')
		return cut_literal(rest, ret_text);
	while (len < rest->len && !ends_atom(rest->ptr[len])) {
		if (rest->ptr[len] < ' ')
			return PROXY_SIEVE_BAD;
		len++;
	}
	*ret_text = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return rest->len == 0 ? PROXY_SIEVE_MORE : PROXY_SIEVE_LINE;
}

/* The line's end at the front, if it is there. */
static bool skip_end(struct slice *rest)
{
	size_t len = slice_starts(*rest, SLICE("\r\n")) ? 2
		     : slice_starts(*rest, SLICE("\n")) ? 1
							: 0;
	*rest = slice_from(*rest, len);
	return len > 0;
}

enum proxy_sieve_outcome proxy_sieve_read(
	struct slice input, struct arena *arena, struct proxy_sieve_words *ret_words)
{
	struct slice rest = input;
	enum proxy_sieve_outcome r = PROXY_SIEVE_LINE;
	bool is_literal = false; /* what is in a wrong one would be taken for commands */
	ret_words->count = ret_words->len = 0;
	while (r == PROXY_SIEVE_LINE) {
		while (slice_starts(rest, SLICE(" ")))
			rest = slice_from(rest, 1);
		if (rest.len == 0 || slice_eq(rest, SLICE("\r")))
			return PROXY_SIEVE_MORE;
		if (skip_end(&rest)) {
			ret_words->len = input.len - rest.len;
			return PROXY_SIEVE_LINE;
		}
		is_literal = rest.ptr[0] == '{';
		if (rest.ptr[0] == '\r' || ret_words->count == PROXY_SIEVE_WORDS_MAX)
			r = PROXY_SIEVE_BAD;
		else
			r = cut_word(&rest, arena, &ret_words->at[ret_words->count++]);
	}
	if (r == PROXY_SIEVE_BAD && !is_literal) {
		ssize_t end = slice_find(rest, '\n');
		ret_words->len = end < 0 ? 0 : input.len - rest.len + (size_t)end + 1;
	}
	return r;
}

static unsigned mechanisms(struct slice list)
{
	unsigned traits = 0;
	while (list.len > 0) {
		struct slice word = slice_cut(&list, ' ');
		if (slice_eq_nocase(word, SLICE("PLAIN")))
			traits |= PROXY_SIEVE_PLAIN;
		else if (slice_eq_nocase(word, SLICE("OAUTHBEARER")))
			traits |= PROXY_SIEVE_OAUTHBEARER;
		else if (slice_eq_nocase(word, SLICE("XOAUTH2")))
			traits |= PROXY_SIEVE_XOAUTH2;
	}
	return traits;
}

unsigned proxy_sieve_traits(const struct proxy_sieve_words *line)
{
	struct slice name = line->count > 0 ? line->at[0] : SLICE_NONE;
	if (slice_eq_nocase(name, SLICE("STARTTLS")))
		return PROXY_SIEVE_STARTTLS;
	if (slice_eq_nocase(name, SLICE("XCLIENT")))
		return PROXY_SIEVE_XCLIENT;
	if (slice_eq_nocase(name, SLICE("SASL")) && line->count > 1)
		return mechanisms(line->at[1]);
	return 0;
}

void proxy_sieve_announce(struct slice lines, struct buf *to)
{
	static const char *const its_own[] = {"SASL", "STARTTLS", "XCLIENT", "OWNER"};
	while (lines.len > 0) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct proxy_sieve_words words;
		ssize_t end = slice_find(lines, '\n');
		struct slice line = end < 0 ? lines : slice_sub(lines, 0, (size_t)end + 1);
		lines = slice_from(lines, line.len);
		bool passes = slice_starts(line, SLICE("\"")) && proxy_sieve_literal(line) == 0 &&
			      proxy_sieve_read(line, &arena, &words) == PROXY_SIEVE_LINE &&
			      words.len == line.len && words.count > 0;
		for (size_t i = 0; passes && i < ARRAY_LEN(its_own); i++)
			passes = !slice_eq_nocase(words.at[0], slice_str(its_own[i]));
		if (!passes)
			continue;
		buf_add_slice(to, slice_trim(line));
		buf_add_str(to, "\r\n");
	}
}

enum proxy_sieve_status proxy_sieve_status(struct slice line)
{
	struct slice word = slice_cut(&line, ' ');
	if (slice_eq_nocase(word, SLICE("OK")))
		return PROXY_SIEVE_OK;
	if (slice_eq_nocase(word, SLICE("NO")))
		return PROXY_SIEVE_NO;
	return slice_eq_nocase(word, SLICE("BYE")) ? PROXY_SIEVE_BYE : PROXY_SIEVE_DATA;
}

/* A "no" with a code (TRYLATER …) is about something else than the password. */
enum proxy_said proxy_sieve_said(struct slice line)
{
	struct slice text = line;
	(void)slice_cut(&text, ' ');
	if (proxy_sieve_status(line) == PROXY_SIEVE_OK)
		return PROXY_SAID_YES;
	return slice_starts(text, SLICE("(")) ? PROXY_SAID_NOT_NOW : PROXY_SAID_NO;
}

size_t proxy_sieve_literal(struct slice line)
{
	uint64_t size;
	line = slice_trim(line);
	if (line.len < 3 || line.ptr[line.len - 1] != '}')
		return 0;
	size_t open = line.len - 1;
	while (open > 0 && line.ptr[open] != '{')
		open--;
	struct slice digits = slice_sub(line, open + 1, line.len - open - 2);
	if (digits.len > 0 && digits.ptr[digits.len - 1] == '+')
		digits.len--;
	return line.ptr[open] == '{' && slice_to_u64(digits, PROXY_SIEVE_LITERAL_MAX, &size)
		       ? (size_t)size
		       : 0;
}

void proxy_sieve_quote(struct buf *to, struct slice text)
{
	buf_add_byte(to, '"');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"' || c == '\\')
			buf_add_byte(to, '\\');
		buf_add_byte(to, c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
	}
	buf_add_byte(to, '"');
}
