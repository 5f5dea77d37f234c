/* Lines of a POP3 server, by their first words. */
#include "proxy/pop3_answer.h"

static unsigned trait_of(struct slice mechanism)
{
	if (slice_eq_nocase(mechanism, SLICE("PLAIN")))
		return PROXY_POP3_PLAIN;
	if (slice_eq_nocase(mechanism, SLICE("OAUTHBEARER")))
		return PROXY_POP3_OAUTHBEARER;
	return slice_eq_nocase(mechanism, SLICE("XOAUTH2")) ? PROXY_POP3_XOAUTH2 : 0;
}

unsigned proxy_pop3_traits(struct slice line)
{
	unsigned traits = 0;
	if (slice_starts_nocase(line, SLICE("XCLIENT")) ||
		(slice_starts(line, SLICE("+OK ")) && slice_search(line, SLICE("[XCLIENT]")) >= 0))
		traits |= PROXY_POP3_XCLIENT;
	struct slice word = slice_cut(&line, ' ');
	if (!slice_eq_nocase(word, SLICE("SASL")))
		return traits;
	while (line.len > 0)
		traits |= trait_of(slice_cut(&line, ' '));
	return traits;
}

static bool is_text(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] < ' ' || line.ptr[i] > '~')
			return false;
	return line.len > 0 && line.ptr[0] != '.' && line.ptr[0] != ' ';
}

void proxy_pop3_announce(struct slice lines, struct buf *to)
{
	static const char *const its_own[] = {"SASL", "STLS", "USER", "XCLIENT"};
	while (lines.len > 0) {
		struct slice line = slice_trim(slice_cut(&lines, '\n')), rest = line;
		struct slice word = slice_cut(&rest, ' ');
		bool passes = is_text(line);
		for (size_t i = 0; i < ARRAY_LEN(its_own); i++)
			passes = passes && !slice_eq_nocase(word, slice_str(its_own[i]));
		if (!passes)
			continue;
		buf_add_slice(to, line);
		buf_add_str(to, "\r\n");
	}
}

enum proxy_pop3_status proxy_pop3_status(struct slice line)
{
	struct slice word = slice_cut(&line, ' ');
	if (slice_eq_nocase(word, SLICE("+OK")))
		return PROXY_POP3_OK;
	if (slice_eq_nocase(word, SLICE("-ERR")))
		return PROXY_POP3_ERR;
	return slice_eq(word, SLICE("+")) ? PROXY_POP3_GO_AHEAD : PROXY_POP3_NONE;
}

/* RFC 2449, 3206. Without a code it is about the password: old servers know none. */
enum proxy_said proxy_pop3_said(struct slice line)
{
	static const char *const not_now[] = {"[SYS/", "[IN-USE]", "[LOGIN-DELAY]"};
	struct slice text = line;
	(void)slice_cut(&text, ' ');
	if (proxy_pop3_status(line) == PROXY_POP3_OK)
		return PROXY_SAID_YES;
	for (size_t i = 0; i < ARRAY_LEN(not_now); i++)
		if (slice_starts_nocase(text, slice_str(not_now[i])))
			return PROXY_SAID_NOT_NOW;
	return PROXY_SAID_NO;
}
