/* Lines of an IMAP server, by their first words. */
#include "proxy/imap_answer.h"

enum { LITERAL_MAX = 64 * 1024 };

static const struct {
	const char *name;
	unsigned trait;
} TRAITS[] = {
	{"STARTTLS", PROXY_IMAP_STARTTLS},
	{"SASL-IR", PROXY_IMAP_SASL_IR},
	{"LITERAL+", PROXY_IMAP_LITERAL_PLUS},
	{"ID", PROXY_IMAP_ID},
	{"AUTH=PLAIN", PROXY_IMAP_PLAIN},
	{"AUTH=OAUTHBEARER", PROXY_IMAP_OAUTHBEARER},
	{"AUTH=XOAUTH2", PROXY_IMAP_XOAUTH2},
	{"LOGINDISABLED", PROXY_IMAP_LOGINDISABLED},
};

unsigned proxy_imap_traits(struct slice capabilities)
{
	unsigned traits = 0;
	while (capabilities.len > 0) {
		struct slice word = slice_cut(&capabilities, ' ');
		for (size_t i = 0; i < ARRAY_LEN(TRAITS); i++)
			if (slice_eq_nocase(word, slice_str(TRAITS[i].name)))
				traits |= TRAITS[i].trait;
	}
	return traits;
}

/* What the proxy does itself before a login, whatever a back end can; the first two it needs. */
static const char *const OURS[] = {"IMAP4rev1", "LITERAL+", "SASL-IR", "ID"};
static const char *const EACH_ITS_OWN[] = {"STARTTLS", "LOGINDISABLED", "LITERAL-"};

static bool is_among(struct slice word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_nocase(word, slice_str(words[i])))
			return true;
	return false;
}

/* An atom, so that nothing else gets between our own words. */
static bool is_capability(struct slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.ptr[i] <= ' ' || word.ptr[i] > '~' || strchr("(){%*\"\\]", word.ptr[i]))
			return false;
	return word.len > 0;
}

void proxy_imap_announce(struct slice capabilities, struct buf *to)
{
	for (size_t i = 0; i < ARRAY_LEN(OURS); i++)
		buf_printf(to, "%s%s", i ? " " : "", OURS[i]);
	while (capabilities.len > 0) {
		struct slice word = slice_cut(&capabilities, ' ');
		if (!is_capability(word) || slice_starts_nocase(word, SLICE("AUTH=")) ||
			is_among(word, OURS, ARRAY_LEN(OURS)) ||
			is_among(word, EACH_ITS_OWN, ARRAY_LEN(EACH_ITS_OWN)))
			continue;
		buf_add_byte(to, ' ');
		buf_add_slice(to, word);
	}
}

static const struct {
	const char *name;
	enum proxy_imap_status status;
} STATUSES[] = {
	{"OK", PROXY_IMAP_OK},
	{"NO", PROXY_IMAP_NO},
	{"BAD", PROXY_IMAP_BAD},
	{"BYE", PROXY_IMAP_BYE},
	{"PREAUTH", PROXY_IMAP_PREAUTH},
};

static struct slice capabilities_of(struct slice text)
{
	struct slice word = slice_cut(&text, ' ');
	return slice_eq_nocase(word, SLICE("CAPABILITY")) ? text : SLICE_NONE;
}

static void read_status(struct proxy_imap_line *line)
{
	struct slice text = line->rest, word = slice_cut(&text, ' ');
	for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++)
		if (slice_eq_nocase(word, slice_str(STATUSES[i].name)))
			line->status = STATUSES[i].status;
	ssize_t end = slice_find(text, ']');
	if (line->status == PROXY_IMAP_DATA)
		line->capabilities = capabilities_of(line->rest);
	else if (slice_starts(text, SLICE("[")) && end > 0)
		line->code = slice_sub(text, 1, (size_t)end - 1);
	if (line->code.len > 0)
		line->capabilities = capabilities_of(line->code);
}

bool proxy_imap_read_line(struct slice line, struct proxy_imap_line *ret_line)
{
	*ret_line = (struct proxy_imap_line){.rest = line};
	if (memchr(line.ptr ? line.ptr : "", '\0', line.len))
		return false;
	if (slice_starts(line, SLICE("+"))) {
		ret_line->kind = PROXY_IMAP_GO_AHEAD;
		ret_line->rest = slice_trim(slice_from(line, 1));
		return true;
	}
	ret_line->tag = slice_cut(&ret_line->rest, ' ');
	ret_line->kind =
		slice_eq(ret_line->tag, SLICE("*")) ? PROXY_IMAP_UNTAGGED : PROXY_IMAP_TAGGED;
	read_status(ret_line);
	if (ret_line->kind == PROXY_IMAP_UNTAGGED)
		return ret_line->rest.len > 0;
	return ret_line->tag.len > 0 && ret_line->status >= PROXY_IMAP_OK &&
	       ret_line->status <= PROXY_IMAP_BAD;
}

size_t proxy_imap_literal(struct slice line)
{
	uint64_t size;
	if (line.len < 3 || line.ptr[line.len - 1] != '}')
		return 0;
	size_t open = line.len - 1;
	while (open > 0 && line.ptr[open] != '{')
		open--;
	struct slice digits = slice_sub(line, open + 1, line.len - open - 2);
	if (line.ptr[open] != '{' || !slice_to_u64(digits, LITERAL_MAX, &size))
		return 0;
	return (size_t)size;
}

/* RFC 5530. A "no" without a code is about the password: old servers know no codes. */
static const struct {
	const char *code;
	enum proxy_said said;
} CODES[] = {
	{"AUTHENTICATIONFAILED", PROXY_SAID_NO},
	{"EXPIRED", PROXY_SAID_NO},
	{"AUTHORIZATIONFAILED", PROXY_SAID_DENIED},
	{"PRIVACYREQUIRED", PROXY_SAID_NOT_NOW},
	{"UNAVAILABLE", PROXY_SAID_NOT_NOW},
	{"LIMIT", PROXY_SAID_NOT_NOW},
	{"INUSE", PROXY_SAID_NOT_NOW},
	{"SERVERBUG", PROXY_SAID_NOT_NOW},
	{"CONTACTADMIN", PROXY_SAID_NOT_NOW},
	{"OVERQUOTA", PROXY_SAID_NOT_NOW},
};

enum proxy_said proxy_imap_said(const struct proxy_imap_line *line)
{
	struct slice code = line->code, word = slice_cut(&code, ' ');
	if (line->status == PROXY_IMAP_OK)
		return PROXY_SAID_YES;
	if (line->status == PROXY_IMAP_BAD) /* it did not understand us, or him */
		return PROXY_SAID_NOT_NOW;
	for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
		if (slice_eq_nocase(word, slice_str(CODES[i].code)))
			return CODES[i].said;
	return PROXY_SAID_NO;
}
