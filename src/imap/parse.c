/* Cutting IMAP's items off the front of a command. */
#include "imap/parse.h"

#include "base/clock.h"
#include "mail/mailbox.h"
#include "message/charset.h"
#include "message/utf7.h"

bool imap_expected(struct imap_parser *p, const char *what)
{
	if (!p->error)
		p->error = what;
	return false;
}

bool imap_is_atom_char(char c)
{
	return (unsigned char)c > ' ' && (unsigned char)c < 127 && !strchr("(){%*\"\\]", c);
}

static bool is_astring_char(char c)
{
	return imap_is_atom_char(c) || c == ']';
}

static bool is_list_char(char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static bool is_set_char(char c)
{
	return (c >= '0' && c <= '9') || c == ':' || c == ',' || c == '*' || c == '$';
}

static bool is_tag_char(char c)
{
	return is_astring_char(c) && c != '+';
}

static struct slice cut_while(struct imap_parser *p, bool (*is)(char), size_t max)
{
	size_t n = 0;
	while (n < p->rest.len && n < max && is(p->rest.ptr[n]))
		n++;
	struct slice s = slice(p->rest.ptr, n);
	p->rest = slice_from(p->rest, n);
	return s;
}

bool imap_at(const struct imap_parser *p, char c)
{
	return p->rest.len > 0 && p->rest.ptr[0] == c;
}

bool imap_skip(struct imap_parser *p, char c)
{
	if (!imap_at(p, c))
		return false;
	p->rest = slice_from(p->rest, 1);
	return true;
}

bool imap_char(struct imap_parser *p, char c)
{
	if (imap_skip(p, c))
		return true;
	switch (c) {
	case ' ':
		return imap_expected(p, "a space");
	case '(':
		return imap_expected(p, "\"(\"");
	case ')':
		return imap_expected(p, "\")\"");
	default:
		return imap_expected(p, "another character");
	}
}

bool imap_space(struct imap_parser *p)
{
	return imap_char(p, ' ');
}

bool imap_end(struct imap_parser *p)
{
	return p->rest.len == 0 || imap_expected(p, "the end of the command");
}

bool imap_word(struct imap_parser *p, const char *word)
{
	struct slice w = slice_str(word);
	if (!slice_starts_nocase(p->rest, w))
		return false;
	if (p->rest.len > w.len && imap_is_atom_char(p->rest.ptr[w.len]) &&
		p->rest.ptr[w.len] != '[')
		return false;
	p->rest = slice_from(p->rest, w.len);
	return true;
}

bool imap_tag(struct imap_parser *p, struct slice *ret_tag)
{
	*ret_tag = cut_while(p, is_tag_char, IMAP_TAG_MAX);
	return ret_tag->len > 0 || imap_expected(p, "a tag");
}

bool imap_atom(struct imap_parser *p, struct slice *ret_atom)
{
	*ret_atom = cut_while(p, imap_is_atom_char, IMAP_ATOM_MAX);
	return ret_atom->len > 0 || imap_expected(p, "an atom");
}

static bool quoted(struct imap_parser *p, struct slice *ret_string)
{
	const char *at = p->rest.ptr + 1, *end = p->rest.ptr + p->rest.len;
	size_t escapes = 0;
	const char *q = at;
	for (; q < end && *q != '"'; q++) {
		if (*q == '\r' || *q == '\n' || *q == '\0')
			return imap_expected(p, "no line end inside quotes");
		if (*q == '\\') {
			escapes++;
			q++;
			if (q == end || (*q != '"' && *q != '\\'))
				return imap_expected(p, "only \\\" and \\\\ inside quotes");
		}
	}
	if (q >= end)
		return imap_expected(p, "a closing quote");
	*ret_string = slice(at, (size_t)(q - at));
	p->rest = slice(q + 1, (size_t)(end - q - 1));
	if (escapes == 0)
		return true;
	char *copy = arena_alloc(p->arena, ret_string->len), *to = copy;
	for (size_t i = 0; i < ret_string->len; i++) {
		if (ret_string->ptr[i] == '\\')
			i++;
		*to++ = ret_string->ptr[i];
	}
	*ret_string = slice(copy, (size_t)(to - copy));
	return true;
}

static bool literal(struct imap_parser *p, struct slice *ret_string)
{
	struct slice rest = slice_from(p->rest, 1);
	size_t n = 0;
	while (n < rest.len && rest.ptr[n] >= '0' && rest.ptr[n] <= '9')
		n++;
	uint64_t size;
	if (!slice_to_u64(slice(rest.ptr, n), UINT32_MAX, &size))
		return imap_expected(p, "a literal's size");
	rest = slice_from(rest, n);
	if (rest.len > 0 && rest.ptr[0] == '+')
		rest = slice_from(rest, 1);
	if (slice_starts(rest, SLICE("}\r\n")))
		rest = slice_from(rest, 3);
	else if (slice_starts(rest, SLICE("}\n")))
		rest = slice_from(rest, 2);
	else
		return imap_expected(p, "a literal");
	if (rest.len < size)
		return imap_expected(p, "the literal's bytes");
	*ret_string = slice(rest.ptr, (size_t)size);
	p->rest = slice_from(rest, (size_t)size);
	return true;
}

bool imap_string(struct imap_parser *p, struct slice *ret_string, bool *ret_binary)
{
	if (ret_binary)
		*ret_binary = false;
	if (imap_at(p, '"'))
		return quoted(p, ret_string);
	bool binary = ret_binary && slice_starts(p->rest, SLICE("~{"));
	if (binary) {
		*ret_binary = true;
		p->rest = slice_from(p->rest, 1);
	}
	if (!imap_at(p, '{'))
		return imap_expected(p, "a string");
	if (!literal(p, ret_string))
		return false;
	if (!binary && memchr(ret_string->ptr, '\0', ret_string->len))
		return imap_expected(p, "no NUL in a literal");
	return true;
}

bool imap_astring(struct imap_parser *p, struct slice *ret_string)
{
	if (imap_at(p, '"') || imap_at(p, '{'))
		return imap_string(p, ret_string, NULL);
	*ret_string = cut_while(p, is_astring_char, IMAP_ATOM_MAX);
	return ret_string->len > 0 || imap_expected(p, "an atom or a string");
}

bool imap_nstring(struct imap_parser *p, struct slice *ret_string)
{
	if (imap_word(p, "NIL")) {
		*ret_string = SLICE_NONE;
		return true;
	}
	return imap_string(p, ret_string, NULL);
}

bool imap_number64(struct imap_parser *p, uint64_t *ret_number)
{
	size_t n = 0;
	while (n < p->rest.len && p->rest.ptr[n] >= '0' && p->rest.ptr[n] <= '9')
		n++;
	if (!slice_to_u64(slice(p->rest.ptr, n), INT64_MAX, ret_number))
		return imap_expected(p, "a number");
	p->rest = slice_from(p->rest, n);
	return true;
}

bool imap_number(struct imap_parser *p, uint32_t *ret_number)
{
	uint64_t n;
	if (!imap_number64(p, &n))
		return false;
	if (n > UINT32_MAX)
		return imap_expected(p, "a smaller number");
	*ret_number = (uint32_t)n;
	return true;
}

/* From the client's form of a name to the store's. */
static bool to_name(struct imap_parser *p, struct slice *name)
{
	if (!p->utf8 || !utf8_is_valid(*name)) {
		AUTO(buf_free) struct buf decoded = BUF(4 * MAIL_NAME_MAX);
		/* Clients that send UTF-8 although it was not enabled mean what they say. */
		bool is_utf8 = false;
		for (size_t i = 0; i < name->len; i++)
			is_utf8 |= (unsigned char)name->ptr[i] >= 0x80;
		if (is_utf8 && !utf8_is_valid(*name))
			return imap_expected(p, "a mailbox name");
		if (!is_utf8) {
			if (!utf7_to_utf8(*name, &decoded))
				return imap_expected(p, "a mailbox name in modified UTF-7");
			*name = arena_copy(p->arena, buf_slice(&decoded));
		}
	}
	if (slice_starts_nocase(*name, SLICE("INBOX")) &&
		(name->len == 5 || name->ptr[5] == MAIL_SEPARATOR)) {
		struct slice copy = arena_copy(p->arena, *name);
		memcpy((char *)copy.ptr, "INBOX", 5);
		*name = copy;
	}
	return true;
}

bool imap_mailbox(struct imap_parser *p, struct slice *ret_name)
{
	return imap_astring(p, ret_name) && to_name(p, ret_name);
}

bool imap_list_mailbox(struct imap_parser *p, struct slice *ret_pattern)
{
	if (imap_at(p, '"') || imap_at(p, '{')) {
		if (!imap_string(p, ret_pattern, NULL))
			return false;
	} else {
		*ret_pattern = cut_while(p, is_list_char, IMAP_ATOM_MAX);
		if (ret_pattern->len == 0)
			return imap_expected(p, "a mailbox pattern");
	}
	return to_name(p, ret_pattern);
}

bool imap_set_text(struct imap_parser *p, struct slice *ret_text)
{
	*ret_text = cut_while(p, is_set_char, IMAP_SET_TEXT_MAX);
	return ret_text->len > 0 || imap_expected(p, "a message set");
}

static const struct {
	const char *name;
	uint8_t flag;
} SYSTEM_FLAGS[] = {
	{"Seen", MAIL_SEEN},
	{"Answered", MAIL_ANSWERED},
	{"Flagged", MAIL_FLAGGED},
	{"Deleted", MAIL_DELETED},
	{"Draft", MAIL_DRAFT},
	{"Recent", 0},
};

static bool one_flag(struct imap_parser *p, uint8_t *flags, struct slice *names, size_t *count)
{
	bool system = imap_skip(p, '\\');
	struct slice name;
	if (!imap_atom(p, &name))
		return imap_expected(p, "a flag");
	if (!system) {
		if (*count == IMAP_FLAGS_MAX)
			return imap_expected(p, "fewer flags");
		names[(*count)++] = name;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(SYSTEM_FLAGS); i++)
		if (slice_eq_nocase(name, slice_str(SYSTEM_FLAGS[i].name))) {
			*flags |= SYSTEM_FLAGS[i].flag;
			return true;
		}
	return imap_expected(p, "a known system flag");
}

bool imap_flags(
	struct imap_parser *p, bool bare, uint8_t *ret_flags, struct mail_keywords *ret_keywords)
{
	struct slice names[IMAP_FLAGS_MAX];
	size_t count = 0;
	bool list = imap_skip(p, '(');
	*ret_flags = 0;
	if (!list && !bare)
		return imap_expected(p, "a flag list");
	if (!(list && imap_skip(p, ')'))) {
		do {
			if (!one_flag(p, ret_flags, names, &count))
				return false;
		} while (imap_skip(p, ' '));
		if (list && !imap_char(p, ')'))
			return false;
	}
	if (mail_keywords_make(names, count, p->arena, ret_keywords, NULL) < 0)
		return imap_expected(p, "fewer and shorter keywords");
	return true;
}

bool imap_date_time(struct imap_parser *p, struct message_date *ret_date)
{
	struct slice text;
	if (!imap_at(p, '"') || !imap_string(p, &text, NULL))
		return imap_expected(p, "a date and time");
	return message_parse_imap_date(text, ret_date) || imap_expected(p, "a date and time");
}

static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

bool imap_date(struct imap_parser *p, int64_t *ret_day)
{
	struct slice text;
	if (!imap_astring(p, &text))
		return imap_expected(p, "a date");
	uint64_t day, year;
	struct slice d = slice_cut(&text, '-'), month = slice_cut(&text, '-');
	if (!slice_to_u64(d, 31, &day) || day == 0 || month.len != 3 || text.len != 4 ||
		!slice_to_u64(text, 9999, &year))
		return imap_expected(p, "a date like 1-Feb-2026");
	for (int m = 0; m < 12; m++)
		if (slice_eq_nocase(month, slice(MONTHS + 3 * (size_t)m, 3))) {
			struct clock_date date = {
				.year = (int64_t)year, .month = m + 1, .day = (int)day};
			*ret_day = clock_from_date(&date) / 86400;
			return true;
		}
	return imap_expected(p, "a date like 1-Feb-2026");
}
