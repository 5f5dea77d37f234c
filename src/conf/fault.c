/* A fault is one line for a log (in the err) and three for a person (in the report). A long line is
 * shown in part, around the place, and control characters are shown as "?", since the report may
 * go to a terminal. */
#include "conf/fault.h"

#include <stdarg.h>

enum { SHOWN_BEFORE = 60, SHOWN_AFTER = 40 }; /* characters of the line around the place */

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static struct slice line_of(const struct conf_source *source, unsigned line)
{
	struct slice rest = source->text, found = SLICE_NONE;
	for (unsigned i = 0; i < line; i++)
		found = slice_cut(&rest, '\n');
	if (slice_ends(found, SLICE("\r")))
		found.len--;
	return found;
}

/* Byte offset of a character of the line; the line's end when it has fewer. */
static size_t offset_of(struct slice line, size_t character)
{
	size_t at = 0;
	for (size_t seen = 0; at < line.len; at++)
		if (starts_character(line.ptr[at]) && seen++ == character)
			break;
	return at;
}

static void show_line(struct buf *to, struct conf_place place)
{
	struct slice line = line_of(place.source, place.line);
	size_t place_at = place.column - 1;
	size_t from = place_at > SHOWN_BEFORE ? place_at - SHOWN_BEFORE : 0;
	size_t begin = offset_of(line, from), end = offset_of(line, place_at + SHOWN_AFTER);
	size_t caret = offset_of(line, place_at);
	buf_add_str(to, "    ");
	for (size_t i = begin; i < end; i++) {
		unsigned char c = (unsigned char)line.ptr[i];
		buf_add_byte(to, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c);
	}
	buf_add_str(to, "\n    ");
	for (size_t i = begin; i < caret; i++)
		if (starts_character(line.ptr[i]))
			buf_add_byte(to, line.ptr[i] == '\t' ? '\t' : ' ');
	buf_add_str(to, "^\n");
}

int conf_fault(struct conf_faults *faults, struct conf_place place, const char *format, ...)
{
	char text[sizeof(((struct err *)0)->text)];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Values are shown in it, and it may go to a terminal or into a log line. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	if (faults->count++ == 0)
		err_permanent(faults->err, ERR_BAD_INPUT, "%.100s:%u:%u: %s", place.source->name,
			place.line, place.column, text);
	if (!faults->report || faults->count > faults->max)
		return -1;
	buf_printf(faults->report, "%s:%u:%u: %s\n", place.source->name, place.line, place.column,
		text);
	show_line(faults->report, place);
	return -1;
}
