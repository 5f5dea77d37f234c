/* Content-Type and Content-Disposition. First the parameters as they are written, then those that
 * RFC 2231 cut into pieces are joined and decoded. Values are borrowed where they can be. */
#include "message/content_internal.h"

#include "message/charset.h"
#include "message/decode_internal.h"
#include "message/lex_internal.h"

enum { NOT_CUT = -1, SECTIONS_MAX = 100 };

/* A parameter as written: name*section*=value. */
struct piece {
	struct slice name; /* without stars */
	int section;       /* NOT_CUT without a section number */
	bool extended;     /* a star at the end: percent-encoded, charset in front */
	bool used;
	struct slice value;
};

static bool is_token(signed char c)
{
	return c > ' ' && c < 127 && !strchr("()<>@,;:\\\"/[]?=", c);
}

static struct slice cut_token(struct lex *l)
{
	const char *start = l->p;
	while (l->p < l->end && is_token(*l->p))
		l->p++;
	return slice(start, (size_t)(l->p - start));
}

static struct slice unescaped(struct slice inside, struct arena *arena)
{
	if (slice_find(inside, '\\') < 0 && slice_find(inside, '\n') < 0)
		return inside;
	char *copy = arena_alloc(arena, inside.len);
	return slice(copy, lex_unescape(inside, copy));
}

/* An unquoted value ends at white space; but a file's name often has some in it. */
static struct slice cut_bare_value(struct lex *l, bool is_file_name)
{
	const char *start = l->p;
	while (l->p < l->end && *l->p != ';' && *l->p != '\n' &&
		(is_file_name || !strchr(" \t\r(", *l->p) || *l->p == '\0'))
		l->p++;
	return slice_trim(slice(start, (size_t)(l->p - start)));
}

static struct slice read_value(struct lex *l, struct slice name, struct arena *arena)
{
	struct slice inside;
	(void)lex_skip_space(l, NULL);
	if (l->p >= l->end)
		return slice(l->p, 0);
	if (*l->p == '"') {
		if (lex_quoted(l, &inside))
			return unescaped(inside, arena);
		l->p++; /* no end: as if there were no quote */
	}
	return cut_bare_value(l,
		slice_eq_nocase(name, SLICE("filename")) || slice_eq_nocase(name, SLICE("name")));
}

/* "name*3*" into its parts. */
static void read_stars(struct piece *piece)
{
	struct slice rest = piece->name;
	uint64_t section;
	struct slice name = slice_cut(&rest, '*');
	piece->section = NOT_CUT;
	if (name.len == 0 || name.len == piece->name.len)
		return;
	if (rest.len > 0 && rest.ptr[rest.len - 1] == '*') {
		piece->extended = true;
		rest.len--;
	} else if (rest.len == 0) {
		piece->extended = true;
	}
	if (rest.len > 0) {
		if (!slice_to_u64(rest, SECTIONS_MAX, &section)) {
			piece->extended = false;
			return;
		}
		piece->section = (int)section;
	}
	piece->name = name;
}

/* Reads "; name=value" up to the end. Passes over what is none of that. */
static unsigned read_pieces(struct lex *l, struct arena *arena, struct piece *pieces)
{
	unsigned count = 0;
	while (l->p < l->end && count < MESSAGE_PARAMETERS_MAX) {
		(void)lex_skip_space(l, NULL);
		struct piece piece = {.name = cut_token(l)};
		(void)lex_skip_space(l, NULL);
		if (piece.name.len > 0 && l->p < l->end && *l->p == '=') {
			l->p++;
			piece.value = read_value(l, piece.name, arena);
			read_stars(&piece);
			pieces[count++] = piece;
		} else if (piece.name.len == 0 && l->p < l->end) {
			l->p++;
		}
	}
	return count;
}

static struct piece *find_section(
	struct piece *pieces, unsigned count, struct slice name, int section)
{
	for (unsigned i = 0; i < count; i++)
		if (!pieces[i].used && pieces[i].section == section &&
			slice_eq_nocase(pieces[i].name, name))
			return &pieces[i];
	return NULL;
}

static struct slice to_utf8(struct slice charset, struct slice bytes, struct arena *arena)
{
	AUTO(buf_free) struct buf utf8 = BUF(bytes.len * 4 + 16);
	if (charset.len == 0 || !charset_to_utf8(charset, bytes, &utf8))
		return arena_copy(arena, bytes);
	return arena_copy(arena, buf_slice(&utf8));
}

/* Joins the pieces of one name; `first` is its only piece, or section 0. */
static void join(struct piece *pieces, unsigned count, struct piece *first, struct arena *arena,
	struct message_parameter *parameter)
{
	AUTO(buf_free) struct buf bytes = BUF(16u << 20);
	struct slice charset = SLICE_NONE, value = first->value;
	if (first->extended && slice_find(value, '\'') >= 0) {
		charset = slice_cut(&value, '\'');
		if (slice_find(value, '\'') >= 0)
			(void)slice_cut(&value, '\'');
	}
	int section = first->section;
	for (struct piece *piece = first; piece;) {
		if (piece->extended)
			decode_percent(value, &bytes);
		else
			buf_add_slice(&bytes, value);
		piece->used = true;
		piece = section == NOT_CUT ? NULL
					   : find_section(pieces, count, first->name, ++section);
		value = piece ? piece->value : SLICE_NONE;
	}
	parameter->name = first->name;
	parameter->extended = first->extended;
	parameter->value = to_utf8(charset, buf_slice(&bytes), arena);
}

static struct message_parameter *join_pieces(
	struct piece *pieces, unsigned count, struct arena *arena)
{
	struct message_parameter *list = NULL, **tail = &list;
	for (unsigned i = 0; i < count; i++) {
		if (pieces[i].used)
			continue;
		struct slice name = pieces[i].name;
		/* The extended form says more than the plain one beside it (RFC 5987 4.2). */
		struct piece *first = find_section(pieces, count, name, 0);
		if (!first) {
			for (unsigned k = i; k < count && !first; k++)
				if (pieces[k].extended && pieces[k].section == NOT_CUT &&
					slice_eq_nocase(pieces[k].name, name))
					first = &pieces[k];
		}
		struct message_parameter *parameter = ARENA_NEW(arena, struct message_parameter);
		if (first) {
			join(pieces, count, first, arena, parameter);
		} else {
			parameter->name = name;
			parameter->value = pieces[i].value;
		}
		for (unsigned k = i; k < count; k++)
			if (slice_eq_nocase(pieces[k].name, name))
				pieces[k].used = true;
		*tail = parameter;
		tail = &parameter->next;
	}
	return list;
}

static struct message_parameter *read_parameters(struct lex *l, struct arena *arena)
{
	struct piece pieces[MESSAGE_PARAMETERS_MAX];
	(void)lex_skip_space(l, NULL);
	if (l->p >= l->end)
		return NULL;
	return join_pieces(pieces, read_pieces(l, arena, pieces), arena);
}

bool content_read_type(struct slice value, struct arena *arena, struct slice *ret_type,
	struct slice *ret_subtype, struct message_parameter **ret_parameters)
{
	struct lex l = lex_at(value);
	(void)lex_skip_space(&l, NULL);
	struct slice type = cut_token(&l);
	(void)lex_skip_space(&l, NULL);
	if (type.len == 0 || l.p >= l.end || *l.p != '/')
		return false;
	l.p++;
	(void)lex_skip_space(&l, NULL);
	struct slice subtype = cut_token(&l);
	if (subtype.len == 0)
		return false;
	*ret_type = type;
	*ret_subtype = subtype;
	*ret_parameters = read_parameters(&l, arena);
	return true;
}

bool content_read_disposition(struct slice value, struct arena *arena,
	struct slice *ret_disposition, struct message_parameter **ret_parameters)
{
	struct lex l = lex_at(value);
	(void)lex_skip_space(&l, NULL);
	struct slice disposition = cut_token(&l);
	if (disposition.len == 0)
		return false;
	*ret_disposition = disposition;
	*ret_parameters = read_parameters(&l, arena);
	return true;
}

struct slice content_read_token(struct slice value)
{
	struct lex l = lex_at(value);
	(void)lex_skip_space(&l, NULL);
	return cut_token(&l);
}

struct slice message_parameter(const struct message_parameter *list, const char *name)
{
	struct slice wanted = slice_str(name);
	for (; list; list = list->next)
		if (slice_eq_nocase(list->name, wanted))
			return list->value;
	return SLICE_NONE;
}
