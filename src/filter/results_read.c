/* Authentication-Results from a field. Folds, spaces and comments may stand between any two words
 * (CFWS), so a reader of words hides them. */
#include "filter/results.h"

#include "message/header.h"

struct reader {
	struct slice rest;
	struct arena *arena;
	bool bad;
};

/* Past white space and comments, which nest. */
static void skip(struct reader *r)
{
	size_t at = 0, depth = 0;
	for (; at < r->rest.len; at++) {
		char c = r->rest.ptr[at];
		if (depth > 0 && c == '\\')
			at++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
	}
	r->bad = r->bad || depth > 0;
	r->rest = slice_from(r->rest, at);
}

static bool take(struct reader *r, char c)
{
	skip(r);
	if (r->rest.len == 0 || r->rest.ptr[0] != c)
		return false;
	r->rest = slice_from(r->rest, 1);
	return true;
}

static struct slice quoted(struct reader *r)
{
	size_t end = 1, len = 0;
	while (end < r->rest.len && r->rest.ptr[end] != '"')
		end += r->rest.ptr[end] == '\\' ? 2 : 1;
	r->bad = r->bad || end >= r->rest.len;
	struct slice inner = slice_sub(r->rest, 1, MIN(end, r->rest.len) - 1);
	char *text = arena_alloc(r->arena, inner.len + 1);
	for (size_t at = 0; at < inner.len; at++) {
		if (inner.ptr[at] == '\\' && at + 1 < inner.len)
			at++;
		if (inner.ptr[at] != '\r' && inner.ptr[at] != '\n')
			text[len++] = inner.ptr[at];
	}
	r->rest = slice_from(r->rest, end + 1);
	return slice(text, len);
}

/* Up to white space, a comment, or one of `ends`. */
static struct slice bare(struct reader *r, const char *ends)
{
	size_t len = 0;
	while (len < r->rest.len && (unsigned char)r->rest.ptr[len] > ' ' &&
		!strchr("();\"", r->rest.ptr[len]) && !strchr(ends, r->rest.ptr[len]))
		len++;
	struct slice word = slice_sub(r->rest, 0, len);
	r->rest = slice_from(r->rest, len);
	return word;
}

static struct slice keyword(struct reader *r)
{
	skip(r);
	struct slice word = bare(r, "=./");
	char *text = arena_alloc(r->arena, word.len + 1);
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];
		text[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	r->bad = r->bad || word.len == 0;
	return slice(text, word.len);
}

static struct slice any_value(struct reader *r)
{
	skip(r);
	if (r->rest.len == 0)
		return SLICE("");
	if (r->rest.ptr[0] != '"')
		return bare(r, "");
	struct slice value = quoted(r);
	if (r->rest.len > 0 && r->rest.ptr[0] == '@') { /* "local part"@domain */
		struct slice domain = bare(r, "");
		return slice_str(arena_printf(
			r->arena, "\"%.*s\"%.*s", SLICE_ARG(value), SLICE_ARG(domain)));
	}
	return value;
}

/* "1", behind the server's name, and behind "/" of a method. */
static bool version_is_1(struct reader *r)
{
	skip(r);
	return slice_eq(bare(r, "="), SLICE("1"));
}

/* reason=…, and ptype.property=… */
static void read_properties(struct reader *r, struct filter_result *ret)
{
	skip(r);
	while (!r->bad && r->rest.len > 0 && r->rest.ptr[0] != ';') {
		struct slice type = keyword(r);
		struct slice name = take(r, '.') ? keyword(r) : SLICE("");
		if (!take(r, '='))
			r->bad = true;
		struct slice value = any_value(r);
		if (name.len == 0 && slice_eq(type, SLICE("reason")))
			ret->reason = value;
		else if (name.len == 0 && slice_eq(type, SLICE("action")))
			; /* an old draft's, still written by some */
		else if (name.len == 0)
			r->bad = true;
		else if (ret->property_count < FILTER_RESULT_PROPERTIES)
			ret->properties[ret->property_count++] = (struct filter_property){
				.type = type, .name = name, .value = value};
		skip(r);
	}
}

static void read_result(struct reader *r, struct filter_results *ret)
{
	struct filter_result result = {.method = keyword(r)};
	if (slice_eq(result.method, SLICE("none")) && ret->count == 0) {
		skip(r);
		if (r->rest.len == 0)
			return;
	}
	if (take(r, '/') && !version_is_1(r))
		r->bad = true;
	if (!take(r, '='))
		r->bad = true;
	result.result = keyword(r);
	read_properties(r, &result);
	if (ret->count == FILTER_RESULTS_MAX)
		r->bad = true;
	else if (!r->bad)
		ret->list[ret->count++] = result;
}

/* The server's name and version, up to the first semicolon. */
static struct slice read_server(struct reader *r)
{
	struct slice server = any_value(r);
	skip(r);
	r->bad = r->bad || server.len == 0;
	if (r->rest.len > 0 && r->rest.ptr[0] != ';' && !version_is_1(r))
		r->bad = true;
	return server;
}

bool filter_results_read(
	struct slice value, struct arena *arena, struct filter_results *ret_results)
{
	struct reader r = {.rest = value, .arena = arena};
	*ret_results = (struct filter_results){
		.server = read_server(&r),
		.list = ARENA_ARRAY(arena, struct filter_result, FILTER_RESULTS_MAX),
	};
	while (!r.bad && take(&r, ';')) {
		skip(&r);
		if (r.rest.len > 0) /* a semicolon may stand at the end */
			read_result(&r, ret_results);
	}
	return !r.bad && r.rest.len == 0;
}

bool filter_results_is_ours(struct slice name, struct slice value, struct slice server)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	if (!slice_eq_nocase(name, SLICE("Authentication-Results")))
		return false;
	struct reader r = {.rest = value, .arena = &arena};
	struct slice theirs = read_server(&r);
	return r.bad || slice_eq_nocase(theirs, server);
}

size_t filter_results_remove(struct slice header, struct slice server, struct buf *to)
{
	const char *at = header.ptr;
	struct message_field field;
	size_t removed = 0;
	while (message_next_field(&header, &field)) {
		at = field.whole.ptr + field.whole.len;
		if (filter_results_is_ours(field.name, field.value, server))
			removed++;
		else
			buf_add_slice(to, field.whole);
	}
	if (at != header.ptr) /* the empty line */
		buf_add(to, at, (size_t)(header.ptr - at));
	return removed;
}
