/* Lines of a submission server. */
#include "proxy/submission_answer.h"

#include "envelope/xclient.h"

static unsigned mechanism(struct slice word)
{
	static const char *const names[] = {"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"};
	static const unsigned traits[] = {PROXY_SUBMISSION_PLAIN, PROXY_SUBMISSION_LOGIN,
		PROXY_SUBMISSION_OAUTHBEARER, PROXY_SUBMISSION_XOAUTH2};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eq_nocase(word, slice_str(names[i])))
			return traits[i];
	return 0;
}

unsigned proxy_submission_traits(struct slice extension)
{
	unsigned traits = 0;
	struct slice word = slice_cut(&extension, ' ');
	if (slice_eq_nocase(word, SLICE("STARTTLS")))
		return PROXY_SUBMISSION_STARTTLS;
	if (slice_eq_nocase(word, SLICE("XCLIENT")))
		return envelope_xclient_offered(extension) << PROXY_SUBMISSION_XCLIENT_SHIFT;
	if (!slice_eq_nocase(word, SLICE("AUTH")))
		return 0;
	while (extension.len > 0)
		traits |= mechanism(slice_cut(&extension, ' '));
	return traits;
}

static bool is_text(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] < ' ' || line.ptr[i] > '~')
			return false;
	return line.len > 0 && line.ptr[0] != ' ';
}

void proxy_submission_announce(struct slice extensions, bool by_tls, struct buf *to)
{
	while (extensions.len > 0) {
		struct slice line = slice_trim(slice_cut(&extensions, '\n'));
		/* X…: what servers of ours say to each other */
		if (!is_text(line) || slice_starts_nocase(line, SLICE("AUTH")) ||
			slice_starts_nocase(line, SLICE("STARTTLS")) ||
			slice_starts_nocase(line, SLICE("X")) ||
			(!by_tls && slice_eq_nocase(line, SLICE("REQUIRETLS"))))
			continue;
		buf_add_str(to, "250-");
		buf_add_slice(to, line);
		buf_add_str(to, "\r\n");
	}
}

/* "5.7.8 " in front of the words. */
static struct slice status_of(struct slice text)
{
	struct slice word = slice_cut(&text, ' ');
	size_t dots = 0;
	for (size_t i = 0; i < word.len; i++) {
		dots += word.ptr[i] == '.';
		if (word.ptr[i] != '.' && (word.ptr[i] < '0' || word.ptr[i] > '9'))
			return SLICE_NONE;
	}
	return dots == 2 && word.len <= 11 ? word : SLICE_NONE;
}

bool proxy_submission_read_line(struct slice line, struct proxy_submission_line *ret_line)
{
	uint64_t code;
	if (line.len < 3 || !slice_to_u64(slice_sub(line, 0, 3), 599, &code) || code < 200 ||
		memchr(line.ptr, '\0', line.len))
		return false;
	char behind = line.len > 3 ? line.ptr[3] : ' ';
	if (behind != ' ' && behind != '-')
		return false;
	ret_line->code = (unsigned)code;
	ret_line->more = behind == '-';
	ret_line->text = slice_from(line, 4);
	ret_line->status = status_of(ret_line->text);
	return true;
}

enum proxy_said proxy_submission_said(const struct proxy_submission_line *line)
{
	if (line->code == 235)
		return PROXY_SAID_YES;
	if (line->code != 535)
		return PROXY_SAID_NOT_NOW;
	return slice_eq(line->status, SLICE("5.7.1")) ? PROXY_SAID_DENIED : PROXY_SAID_NO;
}
