/* The parse: one cursor over the message, with a stack of the boundaries that are open. Whatever
 * reads (a header, a leaf, a preamble) stops at the first line that is one of them; who is asked
 * for by that line sees it as his own, everybody inside of him has ended. */
#include "message/message.h"

#include "base/wait.h"
#include "message/content_internal.h"
#include "message/header.h"
#include "message/lines_internal.h"

#define AT_END UINT32_MAX

struct parse {
	const char *start, *end;
	const char *at; /* always the start of a line */
	uint32_t lines; /* line ends before `at` */
	struct arena *arena;
	uint32_t part_count;
	const char *header_end; /* of the last header read */
	struct slice boundaries[MESSAGE_DEPTH_MAX];
	unsigned boundary_count;
	/* What the last read stopped at: a boundary line or the end. */
	const char *stop;
	uint32_t stop_lines;
	uint32_t stop_level; /* which boundary; or AT_END */
	bool stop_closes;
};

/* Past the end of a line of which only white space is left; NULL when there is more. */
static const char *blank_line_end(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p < end && *p == '\r')
		p++;
	if (p == end)
		return p;
	return *p == '\n' ? p + 1 : NULL;
}

/* If the line at `line` (it begins with "--") is an open boundary: stops there. The innermost one
 * wins; a line is compared whole, so that one boundary may be the start of another. */
static bool stop_at(struct parse *ps, const char *line, uint32_t lines)
{
	const char *text = line + 2;
	for (unsigned level = ps->boundary_count; level-- > 0;) {
		struct slice boundary = ps->boundaries[level];
		if ((size_t)(ps->end - text) < boundary.len ||
			memcmp(text, boundary.ptr, boundary.len) != 0)
			continue;
		const char *rest = text + boundary.len, *past = blank_line_end(rest, ps->end);
		bool closes = !past && ps->end - rest >= 2 && rest[0] == '-' && rest[1] == '-';
		if (closes)
			past = blank_line_end(rest + 2, ps->end);
		if (!past)
			continue;
		ps->stop = line;
		ps->stop_lines = lines;
		ps->stop_level = level;
		ps->stop_closes = closes;
		ps->at = past;
		ps->lines = lines + (past[-1] == '\n');
		return true;
	}
	return false;
}

static void stop_at_end(struct parse *ps)
{
	ps->at = ps->stop = ps->end;
	ps->stop_lines = ps->lines;
	ps->stop_level = AT_END;
	ps->stop_closes = false;
}

/* Passes lines up to the next boundary. */
static void read_to_boundary(struct parse *ps)
{
	const char *p = ps->at;
	if (ps->boundary_count == 0) {
		ps->lines += lines_count(p, ps->end);
		stop_at_end(ps);
		return;
	}
	for (;;) {
		p = lines_next_dashes(p, ps->end, &ps->lines);
		if (p == ps->end) {
			stop_at_end(ps);
			return;
		}
		if (stop_at(ps, p, ps->lines))
			return;
		const char *line = p, *lf = memchr(p, '\n', (size_t)(ps->end - p));
		ps->lines += lf != NULL;
		p = lf ? lf + 1 : ps->end;
		wait_give_way_over(line, p);
	}
}

/* Passes the header with its empty line. False when a boundary or the end came first. */
static bool read_header(struct parse *ps)
{
	const char *p = ps->at;
	while (p < ps->end) {
		if (*p == '\n' || (*p == '\r' && ps->end - p > 1 && p[1] == '\n')) {
			ps->at = p + (*p == '\n' ? 1 : 2);
			ps->lines++;
			return true;
		}
		if (*p == '-' && ps->end - p > 1 && p[1] == '-' && stop_at(ps, p, ps->lines))
			return false;
		const char *line = p, *lf = memchr(p, '\n', (size_t)(ps->end - p));
		ps->lines += lf != NULL;
		p = lf ? lf + 1 : ps->end;
		wait_give_way_over(line, p);
	}
	stop_at_end(ps);
	return false;
}

static struct slice read_text(struct parse *ps, struct slice value)
{
	struct slice trimmed = slice_trim(value);
	if (slice_find(trimmed, '\n') < 0)
		return trimmed;
	struct buf unfolded = BUF(trimmed.len);
	message_unfold(trimmed, &unfolded);
	struct slice copy = arena_copy(ps->arena, buf_slice(&unfolded));
	buf_free(&unfolded);
	return copy;
}

/* The part's own fact that this field gives, if it is one; the first field of a name counts. */
static void read_content_field(
	struct parse *ps, struct message_part *part, struct message_field field)
{
	struct slice name = slice_from(field.name, sizeof("content-") - 1), token;
	struct slice *text = NULL;
	if (slice_eq_nocase(name, SLICE("type"))) {
		if (part->type.ptr)
			return;
		if (!content_read_type(
			    field.value, ps->arena, &part->type, &part->subtype, &part->parameters))
			part->type = SLICE("text"), part->subtype = SLICE("plain");
	} else if (slice_eq_nocase(name, SLICE("transfer-encoding"))) {
		token = content_read_token(field.value);
		if (!part->encoding.ptr && token.len > 0)
			part->encoding = token;
	} else if (slice_eq_nocase(name, SLICE("disposition"))) {
		if (!part->disposition.ptr)
			(void)content_read_disposition(field.value, ps->arena, &part->disposition,
				&part->disposition_parameters);
	} else if (slice_eq_nocase(name, SLICE("id"))) {
		text = &part->id;
	} else if (slice_eq_nocase(name, SLICE("description"))) {
		text = &part->description;
	} else if (slice_eq_nocase(name, SLICE("md5"))) {
		text = &part->md5;
	} else if (slice_eq_nocase(name, SLICE("language"))) {
		text = &part->language;
	} else if (slice_eq_nocase(name, SLICE("location"))) {
		text = &part->location;
	}
	if (text && !text->ptr)
		*text = read_text(ps, field.value);
}

static void read_content(struct parse *ps, struct message_part *part)
{
	struct slice header = slice(ps->start + part->header_start, part->header_len);
	struct message_field field;
	while (message_next_field(&header, &field))
		if (field.name.len > 9 && (field.name.ptr[0] | 0x20) == 'c' &&
			slice_starts_nocase(field.name, SLICE("content-")))
			read_content_field(ps, part, field);
	if (!part->type.ptr) {
		bool digest = part->parent && part->parent->kind == MESSAGE_MULTIPART &&
			      slice_eq_nocase(part->parent->subtype, SLICE("digest"));
		part->type = digest ? SLICE("message") : SLICE("text");
		part->subtype = digest ? SLICE("rfc822") : SLICE("plain");
	}
	if (!part->encoding.ptr)
		part->encoding = SLICE("7BIT");
}

static bool is_identity(struct slice encoding)
{
	return slice_eq_nocase(encoding, SLICE("7bit")) ||
	       slice_eq_nocase(encoding, SLICE("8bit")) ||
	       slice_eq_nocase(encoding, SLICE("binary"));
}

static bool is_message(const struct message_part *part)
{
	return slice_eq_nocase(part->type, SLICE("message")) &&
	       (slice_eq_nocase(part->subtype, SLICE("rfc822")) ||
		       slice_eq_nocase(part->subtype, SLICE("global")));
}

static void become_leaf(struct message_part *part, struct slice type, struct slice subtype)
{
	part->kind = MESSAGE_LEAF;
	part->type = type;
	part->subtype = subtype;
	part->parameters = NULL;
}

static struct message_part *new_child(struct parse *ps, struct message_part *parent)
{
	struct message_part *child = ARENA_NEW(ps->arena, struct message_part);
	child->parent = parent;
	parent->child_count++;
	ps->part_count++;
	return child;
}

static void read_part(struct parse *ps, struct message_part *part, unsigned depth);

static void read_multipart(
	struct parse *ps, struct message_part *part, struct slice boundary, unsigned depth)
{
	struct message_part **tail = &part->first_child;
	unsigned level = ps->boundary_count++;
	ps->boundaries[level] = boundary;
	read_to_boundary(ps);
	while (ps->stop_level == level && !ps->stop_closes) {
		*tail = new_child(ps, part);
		read_part(ps, *tail, depth + 1);
		tail = &(*tail)->next;
	}
	ps->boundary_count = level;
	if (ps->stop_level == level)
		read_to_boundary(ps); /* the epilogue */
	/* Its boundary never came: what is there is text (RFC 2045 section 5.2). */
	if (!part->first_child)
		become_leaf(part, SLICE("text"), SLICE("plain"));
}

static void read_body(struct parse *ps, struct message_part *part, unsigned depth, bool last)
{
	bool multipart = slice_eq_nocase(part->type, SLICE("multipart"));
	bool message = is_message(part) && is_identity(part->encoding);
	struct slice boundary =
		multipart ? message_parameter(part->parameters, "boundary") : SLICE_NONE;
	if (multipart && boundary.len == 0) {
		become_leaf(part, SLICE("text"), SLICE("plain"));
		multipart = false;
	}
	if (last || ((multipart || message) && depth + 1 >= MESSAGE_DEPTH_MAX)) {
		become_leaf(part, SLICE("application"), SLICE("octet-stream"));
		multipart = message = false;
	}
	if (multipart) {
		part->kind = MESSAGE_MULTIPART;
		read_multipart(ps, part, boundary, depth);
	} else if (message) {
		part->kind = MESSAGE_RFC822;
		part->first_child = new_child(ps, part);
		read_part(ps, part->first_child, depth + 1);
	} else {
		read_to_boundary(ps);
	}
}

/* Sets the body's end to where reading stopped. The line end in front of a boundary belongs to the
 * boundary, unless it ends a header (of a message inside, say) that has no body. */
static void end_body(struct parse *ps, struct message_part *part, uint32_t lines_before)
{
	const char *start = ps->start + part->body_start, *end = ps->stop;
	uint32_t lines = ps->stop_lines - lines_before;
	if (ps->stop_level != AT_END && end > ps->header_end && end[-1] == '\n') {
		end--;
		lines--;
		if (end > ps->header_end && end[-1] == '\r')
			end--;
	}
	part->body_len = (size_t)(end - start);
	part->body_lines = lines;
}

static void read_part(struct parse *ps, struct message_part *part, unsigned depth)
{
	wait_give_way();
	uint32_t lines = ps->lines;
	const char *start = ps->at;
	bool last = ps->part_count >= MESSAGE_PARTS_MAX;
	if (last)
		ps->boundary_count = 0; /* the rest of the message, whatever boundaries it has */
	bool ended = read_header(ps);
	const char *body = ps->header_end = ended ? ps->at : ps->stop;
	uint32_t body_lines = ended ? ps->lines : ps->stop_lines;
	part->header_start = (size_t)(start - ps->start);
	part->header_len = (size_t)(body - start);
	part->header_lines = body_lines - lines;
	part->body_start = (size_t)(body - ps->start);
	read_content(ps, part);
	if (ended) {
		read_body(ps, part, depth, last);
	} else if (slice_eq_nocase(part->type, SLICE("multipart")) || is_message(part)) {
		become_leaf(part, SLICE("text"), SLICE("plain"));
	}
	end_body(ps, part, body_lines);
}

struct message_part *message_parse(struct slice whole, struct arena *arena)
{
	const char *start = whole.ptr ? whole.ptr : "";
	struct parse ps = {
		.start = start,
		.end = start + whole.len,
		.at = start,
		.arena = arena,
		.part_count = 1,
	};
	struct message_part *root = ARENA_NEW(arena, struct message_part);
	read_part(&ps, root, 0);
	return root;
}

static const struct message_part *nth_child(const struct message_part *part, uint32_t number)
{
	if (number == 0 || number > part->child_count)
		return NULL;
	part = part->first_child;
	while (--number > 0)
		part = part->next;
	return part;
}

const struct message_part *message_part_by_number(
	const struct message_part *root, const uint32_t *numbers, size_t count)
{
	const struct message_part *part = root;
	for (size_t i = 0; part && i < count; i++) {
		/* Numbers count inside a message; a message that is no multipart has a part 1. */
		bool in_message = i == 0 || part->kind == MESSAGE_RFC822;
		if (i > 0 && part->kind == MESSAGE_RFC822)
			part = part->first_child;
		if (part->kind == MESSAGE_MULTIPART)
			part = nth_child(part, numbers[i]);
		else if (!in_message || numbers[i] != 1)
			part = NULL;
	}
	return part;
}
