/* Verbs and parameters. */
#include "envelope/command.h"

static const struct {
	const char *name;
	enum envelope_verb verb;
} VERBS[] = {
	{"MAIL", ENVELOPE_MAIL},
	{"RCPT", ENVELOPE_RCPT},
	{"DATA", ENVELOPE_DATA},
	{"BDAT", ENVELOPE_BDAT},
	{"EHLO", ENVELOPE_EHLO},
	{"HELO", ENVELOPE_HELO},
	{"LHLO", ENVELOPE_LHLO},
	{"RSET", ENVELOPE_RSET},
	{"NOOP", ENVELOPE_NOOP},
	{"QUIT", ENVELOPE_QUIT},
	{"AUTH", ENVELOPE_AUTH},
	{"STARTTLS", ENVELOPE_STARTTLS},
	{"VRFY", ENVELOPE_VRFY},
	{"EXPN", ENVELOPE_EXPN},
	{"HELP", ENVELOPE_HELP},
};

enum envelope_verb envelope_cut_verb(struct slice line, struct slice *ret_rest)
{
	struct slice verb = slice_cut(&line, ' ');
	*ret_rest = slice_trim(line);
	verb = slice_trim(verb);
	for (size_t i = 0; i < ARRAY_LEN(VERBS); i++)
		if (slice_eq_nocase(verb, slice_str(VERBS[i].name)))
			return VERBS[i].verb;
	return ENVELOPE_UNKNOWN;
}

static bool is_xchar(char c)
{
	return c > ' ' && c < 127 && c != '=';
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "+2B" is allowed, a lone "+" is not. */
static bool is_xtext(struct slice s, size_t max)
{
	if (s.len == 0 || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_xchar(s.ptr[i]))
			return false;
		if (s.ptr[i] == '+' &&
			(i + 2 >= s.len || hex(s.ptr[i + 1]) < 0 || hex(s.ptr[i + 2]) < 0))
			return false;
	}
	return true;
}

bool envelope_from_xtext(struct slice xtext, struct arena *arena, struct slice *ret_text)
{
	char *to = arena_alloc(arena, xtext.len + 1);
	size_t n = 0;
	if (xtext.len > 0 && !is_xtext(xtext, ENVELOPE_ORCPT_MAX))
		return false;
	for (size_t i = 0; i < xtext.len; i++) {
		if (xtext.ptr[i] == '+') {
			to[n++] = (char)(hex(xtext.ptr[i + 1]) << 4 | hex(xtext.ptr[i + 2]));
			i += 2;
		} else {
			to[n++] = xtext.ptr[i];
		}
	}
	*ret_text = slice(to, n);
	return true;
}

static bool body_parameter(struct slice value, enum envelope_body *body)
{
	static const char *const NAMES[] = {"7BIT", "8BITMIME", "BINARYMIME"};
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (slice_eq_nocase(value, slice_str(NAMES[i]))) {
			*body = (enum envelope_body)i;
			return true;
		}
	return false;
}

static bool ret_parameter(struct slice value, enum envelope_ret *ret)
{
	*ret = slice_eq_nocase(value, SLICE("FULL"))   ? ENVELOPE_RET_FULL
	       : slice_eq_nocase(value, SLICE("HDRS")) ? ENVELOPE_RET_HDRS
						       : ENVELOPE_RET_UNSET;
	return *ret != ENVELOPE_RET_UNSET;
}

/* Digits beyond what a number holds are a size beyond every limit, not a mistake. */
static bool size_parameter(struct slice value, uint64_t *size)
{
	enum { DIGITS_MAX = 20 }; /* RFC 1870 section 4 */
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return false;
	if (value.len == 0 || value.len > DIGITS_MAX)
		return false;
	if (!slice_to_u64(value, UINT64_MAX, size))
		*size = UINT64_MAX;
	return true;
}

static bool delivery_parameter(struct slice value, struct envelope_sender *s)
{
	struct slice id = slice_cut(&value, ',');
	s->again = slice_eq_nocase(value, SLICE("again"));
	return (s->again || value.len == 0) && id_from_text(id, &s->delivery) &&
	       !id_is_none(s->delivery);
}

static bool mail_parameter(
	struct slice name, struct slice value, bool has_value, struct envelope_sender *s)
{
	if (slice_eq_nocase(name, SLICE("SIZE")))
		return s->size == 0 && size_parameter(value, &s->size);
	if (slice_eq_nocase(name, SLICE("BODY")))
		return body_parameter(value, &s->body);
	if (slice_eq_nocase(name, SLICE("SMTPUTF8"))) {
		s->smtputf8 = true;
		return !has_value;
	}
	if (slice_eq_nocase(name, SLICE("REQUIRETLS"))) {
		s->require_tls = true;
		return !has_value;
	}
	if (slice_eq_nocase(name, SLICE("RET")))
		return s->ret == ENVELOPE_RET_UNSET && ret_parameter(value, &s->ret);
	if (slice_eq_nocase(name, SLICE("ENVID"))) {
		bool again = s->envid.len > 0;
		s->envid = value;
		return !again && is_xtext(value, ENVELOPE_ENVID_MAX);
	}
	if (slice_eq_nocase(name, SLICE("AUTH"))) {
		s->auth = value;
		return is_xtext(value, ENVELOPE_ORCPT_MAX);
	}
	if (slice_eq_nocase(name, SLICE("XSESSION"))) {
		s->session = value;
		return is_xtext(value, ENVELOPE_ENVID_MAX);
	}
	if (slice_eq_nocase(name, SLICE("XDELIVERY")))
		return delivery_parameter(value, s);
	return false;
}

static bool notify_parameter(struct slice value, unsigned *notify)
{
	static const struct {
		const char *name;
		enum envelope_notify bit;
	} NAMES[] = {
		{"NEVER", ENVELOPE_NOTIFY_NEVER},
		{"SUCCESS", ENVELOPE_NOTIFY_SUCCESS},
		{"FAILURE", ENVELOPE_NOTIFY_FAILURE},
		{"DELAY", ENVELOPE_NOTIFY_DELAY},
	};
	if (*notify != 0 || value.len == 0)
		return false;
	while (value.len > 0) {
		struct slice word = slice_cut(&value, ',');
		size_t i = 0;
		while (i < ARRAY_LEN(NAMES) && !slice_eq_nocase(word, slice_str(NAMES[i].name)))
			i++;
		if (i == ARRAY_LEN(NAMES))
			return false;
		*notify |= NAMES[i].bit;
	}
	return !(*notify & ENVELOPE_NOTIFY_NEVER) || *notify == ENVELOPE_NOTIFY_NEVER;
}

/* "rfc822;" xtext, or "utf-8;" with bytes as they are (RFC 6533 section 3). */
static bool orcpt_parameter(struct slice value)
{
	struct slice address = value, type = slice_cut(&address, ';');
	bool utf8 = slice_eq_nocase(type, SLICE("utf-8"));
	for (size_t i = 0; i < type.len; i++) {
		char c = type.ptr[i];
		if (c != '-' && (c < '0' || c > '9') && ((c | 32) < 'a' || (c | 32) > 'z'))
			return false;
	}
	if (!utf8)
		return type.len > 0 && is_xtext(address, ENVELOPE_ORCPT_MAX);
	for (size_t i = 0; i < address.len; i++)
		if ((unsigned char)address.ptr[i] < 0x80 && !is_xchar(address.ptr[i]))
			return false;
	return address.len > 0 && address.len <= ENVELOPE_ORCPT_MAX;
}

static bool rcpt_parameter(struct slice name, struct slice value, struct envelope_recipient *r)
{
	if (slice_eq_nocase(name, SLICE("NOTIFY")))
		return notify_parameter(value, &r->notify);
	if (slice_eq_nocase(name, SLICE("ORCPT"))) {
		bool again = r->orcpt.len > 0;
		r->orcpt = value;
		return !again && orcpt_parameter(value);
	}
	return false;
}

/* Cuts "NAME=value" off the front. */
static bool cut_parameter(
	struct slice *rest, struct slice *name, struct slice *value, bool *has_value)
{
	*rest = slice_trim(*rest);
	if (rest->len == 0)
		return false;
	struct slice word = slice_cut(rest, ' ');
	*has_value = slice_find(word, '=') >= 0;
	*value = word;
	*name = slice_cut(value, '=');
	return true;
}

static bool cut_keyword(struct slice *rest, struct slice keyword)
{
	if (!slice_starts_nocase(*rest, keyword))
		return false;
	*rest = slice_from(*rest, keyword.len);
	return true;
}

enum envelope_parsed envelope_parse_mail(struct slice rest, struct envelope_sender *ret_sender)
{
	struct slice name, value;
	bool has_value;
	*ret_sender = (struct envelope_sender){0};
	if (!cut_keyword(&rest, SLICE("FROM:")))
		return ENVELOPE_BAD_SYNTAX;
	if (!envelope_cut_path(&rest, &ret_sender->path))
		return ENVELOPE_BAD_PATH;
	while (cut_parameter(&rest, &name, &value, &has_value))
		if (!mail_parameter(name, value, has_value, ret_sender))
			return ENVELOPE_BAD_PARAMETER;
	return ENVELOPE_PARSED;
}

enum envelope_parsed envelope_parse_rcpt(
	struct slice rest, struct envelope_recipient *ret_recipient)
{
	struct slice name, value;
	bool has_value;
	*ret_recipient = (struct envelope_recipient){0};
	if (!cut_keyword(&rest, SLICE("TO:")))
		return ENVELOPE_BAD_SYNTAX;
	if (!envelope_cut_path(&rest, &ret_recipient->path) || ret_recipient->path.address.len == 0)
		return ENVELOPE_BAD_PATH;
	while (cut_parameter(&rest, &name, &value, &has_value))
		if (!rcpt_parameter(name, value, ret_recipient))
			return ENVELOPE_BAD_PARAMETER;
	return ENVELOPE_PARSED;
}

bool envelope_parse_bdat(struct slice rest, uint64_t *ret_size, bool *ret_last)
{
	struct slice size = slice_cut(&rest, ' ');
	rest = slice_trim(rest);
	*ret_last = slice_eq_nocase(rest, SLICE("LAST"));
	return slice_to_u64(size, INT64_MAX, ret_size) && (*ret_last || rest.len == 0);
}
