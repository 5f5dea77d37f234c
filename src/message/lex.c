/* White space, comments and quoted strings. */
#include "message/lex_internal.h"

/* The character past the comment that begins at `p`, or NULL when it does not end. */
static const char *comment_end(const char *p, const char *end)
{
	size_t depth = 0;
	for (; p < end; p++) {
		if (*p == '\\' && end - p > 1)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

bool lex_skip_space(struct lex *l, struct slice *comment)
{
	const char *start = l->p;
	while (l->p < l->end) {
		char c = *l->p;
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			l->p++;
		} else if (c == '(' && !l->no_comment) {
			const char *past = comment_end(l->p, l->end);
			if (!past) {
				l->no_comment = true;
				break;
			}
			if (comment)
				*comment = slice(l->p + 1, (size_t)(past - l->p) - 2);
			l->p = past;
		} else {
			break;
		}
	}
	return l->p > start;
}

bool lex_quoted(struct lex *l, struct slice *ret_inside)
{
	const char *p = l->p + 1;
	if (l->no_quote)
		return false;
	while (p < l->end && *p != '"')
		p += *p == '\\' && l->end - p > 1 ? 2 : 1;
	if (p >= l->end) {
		l->no_quote = true;
		return false;
	}
	*ret_inside = slice(l->p + 1, (size_t)(p - l->p) - 1);
	l->p = p + 1;
	return true;
}

size_t lex_unescape(struct slice inside, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < inside.len; i++) {
		char c = inside.ptr[i];
		if (c == '\\' && i + 1 < inside.len)
			c = inside.ptr[++i];
		if (c != '\r' && c != '\n')
			out[n++] = c;
	}
	return n;
}
