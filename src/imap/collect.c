/* One look at each byte: memchr() for the line's end, then a look backwards for an announcement. */
#include "imap/collect.h"

/* "{12}", "{12+}", "~{12}" at the end of the line (its CR LF cut off). */
static bool announcement(struct imap_collect *c, struct slice line)
{
	if (line.len < 3 || line.ptr[line.len - 1] != '}')
		return false;
	size_t end = line.len - 1;
	bool plus = line.ptr[end - 1] == '+';
	if (plus)
		end--;
	size_t digits = end;
	while (digits > 0 && line.ptr[digits - 1] >= '0' && line.ptr[digits - 1] <= '9')
		digits--;
	if (digits == end || digits == 0 || line.ptr[digits - 1] != '{')
		return false;
	uint64_t size;
	if (!slice_to_u64(slice_sub(line, digits, end - digits), UINT64_MAX / 2, &size))
		size = UINT64_MAX / 2; /* too big for anything; refused as such */
	c->binary = digits >= 2 && line.ptr[digits - 2] == '~';
	c->announced_at = c->line + digits - 1 - c->binary;
	c->literal = size;
	c->plus = plus;
	return true;
}

enum imap_collected imap_collect_step(struct imap_collect *c, struct slice input)
{
	if (input.len <= c->at)
		return IMAP_NEED_MORE;
	ssize_t found = slice_find(slice_from(input, c->at), '\n');
	if (found < 0) {
		if (input.len - c->line > IMAP_LINE_MAX || input.len > IMAP_COMMAND_MAX)
			return IMAP_TOO_LONG;
		c->at = input.len;
		return IMAP_NEED_MORE;
	}
	size_t end = c->at + (size_t)found;
	if (end - c->line > IMAP_LINE_MAX || end > IMAP_COMMAND_MAX)
		return IMAP_TOO_LONG;
	c->at = end + 1;
	struct slice line = slice_sub(input, c->line, end - c->line);
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return announcement(c, line) ? IMAP_LITERAL : IMAP_COMMAND;
}

bool imap_collect_literal(struct imap_collect *c)
{
	if (c->literal > IMAP_COMMAND_MAX - c->at)
		return false;
	/* The next line begins behind the literal; so does the search for its end. */
	c->at += (size_t)c->literal;
	c->line = c->at;
	return true;
}
