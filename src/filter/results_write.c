/* Authentication-Results as text. Every value may come from a stranger: none can end its quotes or
 * its line. */
#include "filter/results.h"

enum { LINE_MAX_SOFT = 78 };

void filter_result_add(
	struct filter_result *result, const char *type, const char *name, struct slice value)
{
	if (value.len == 0 || result->property_count == FILTER_RESULT_PROPERTIES)
		return;
	result->properties[result->property_count++] = (struct filter_property){
		.type = slice_str(type), .name = slice_str(name), .value = value};
}

/* token of RFC 2045, or what RFC 8601's pvalue takes besides: local@domain, @domain. */
static bool is_plain(struct slice s)
{
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool at = c == '@' && i + 1 < s.len && slice_find(slice_from(s, i + 1), '@') < 0;
		if (c <= ' ' || c >= 127 ||
			(slice_find(SLICE("()<>@,;:\\\"/[]?="), (char)c) >= 0 && !at))
			return false;
	}
	return true;
}

static char harmless(char c)
{
	return (unsigned char)c < ' ' || c == 127 ? '?' : c;
}

static void add_value(struct slice value, struct buf *to)
{
	value = slice_sub(value, 0, FILTER_RESULTS_VALUE_MAX);
	if (is_plain(value)) {
		buf_add_slice(to, value);
		return;
	}
	buf_add_byte(to, '"');
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '"' || value.ptr[i] == '\\')
			buf_add_byte(to, '\\');
		buf_add_byte(to, harmless(value.ptr[i]));
	}
	buf_add_byte(to, '"');
}

static void add_comment(struct slice text, struct buf *to)
{
	text = slice_sub(text, 0, FILTER_RESULTS_VALUE_MAX);
	buf_add_byte(to, '(');
	for (size_t i = 0; i < text.len; i++) {
		if (slice_find(SLICE("()\\"), text.ptr[i]) >= 0)
			buf_add_byte(to, '\\');
		buf_add_byte(to, harmless(text.ptr[i]));
	}
	buf_add_byte(to, ')');
}

/* One more piece: on this line if it fits, else on the next. */
static void add_piece(struct slice piece, size_t *line_start, struct buf *to)
{
	if (to->len - *line_start + 1 + piece.len <= LINE_MAX_SOFT) {
		buf_add_byte(to, ' ');
	} else {
		buf_add_str(to, "\r\n\t");
		*line_start = to->len - 1;
	}
	buf_add_slice(to, piece);
}

static void add_result(const struct filter_result *r, struct buf *to)
{
	AUTO(buf_free) struct buf piece = BUF(SIZE_MAX);
	buf_add_str(to, ";\r\n\t");
	size_t line_start = to->len - 1;
	buf_add_slice(to, r->method);
	buf_add_byte(to, '=');
	buf_add_slice(to, r->result);
	if (r->comment.len > 0) {
		add_comment(r->comment, &piece);
		add_piece(buf_slice(&piece), &line_start, to);
	}
	if (r->reason.len > 0) {
		buf_clear(&piece);
		buf_add_str(&piece, "reason=");
		add_value(r->reason, &piece);
		add_piece(buf_slice(&piece), &line_start, to);
	}
	for (size_t i = 0; i < r->property_count; i++) {
		const struct filter_property *p = &r->properties[i];
		buf_clear(&piece);
		buf_add_slice(&piece, p->type);
		buf_add_byte(&piece, '.');
		buf_add_slice(&piece, p->name);
		buf_add_byte(&piece, '=');
		add_value(p->value, &piece);
		add_piece(buf_slice(&piece), &line_start, to);
	}
}

void filter_results_write(const struct filter_results *results, struct buf *to)
{
	buf_add_str(to, "Authentication-Results: ");
	add_value(results->server, to);
	if (results->count == 0)
		buf_add_str(to, "; none");
	for (size_t i = 0; i < results->count; i++)
		add_result(&results->list[i], to);
	buf_add_str(to, "\r\n");
}
