/* Reading replies: all lines of one, and what they say. */
#include "smtp/client_reply.h"

enum { REPLY_LINE_MAX = 2048, REPLY_LINES_MAX = 100 };

static unsigned extension_of(struct slice line)
{
	static const struct {
		const char *name;
		enum smtp_client_extension bit;
	} NAMES[] = {
		{"PIPELINING", SMTP_HAS_PIPELINING},
		{"CHUNKING", SMTP_HAS_CHUNKING},
		{"SMTPUTF8", SMTP_HAS_SMTPUTF8},
		{"8BITMIME", SMTP_HAS_EIGHT_BIT},
		{"SIZE", SMTP_HAS_SIZE},
		{"DSN", SMTP_HAS_DSN},
		{"XSESSION", SMTP_HAS_XSESSION},
	};
	struct slice word = slice_cut(&line, ' ');
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (slice_eq_nocase(word, slice_str(NAMES[i].name)))
			return NAMES[i].bit;
	return 0;
}

int smtp_client_read_reply(struct net_client *net, struct smtp_client_reply *reply,
	unsigned *extensions, struct err *err)
{
	for (int i = 0; i < REPLY_LINES_MAX; i++) {
		struct slice line;
		uint64_t code;
		if (net_client_read_line(net, REPLY_LINE_MAX, &line, err) < 0)
			return -1;
		if (line.len < 3 || !slice_to_u64(slice_sub(line, 0, 3), 599, &code))
			return err_temporary(err, ERR_UNAVAILABLE, "not an SMTP reply: \"%.*s\"",
				(int)MIN(line.len, (size_t)40), line.ptr);
		struct slice text = slice_from(line, 4);
		if (extensions && i > 0)
			*extensions |= extension_of(text);
		if (line.len > 3 && line.ptr[3] == '-')
			continue;
		reply->code = (int)code;
		(void)snprintf(reply->text, sizeof(reply->text), "%.*s", SLICE_ARG(text));
		return 0;
	}
	return err_temporary(err, ERR_UNAVAILABLE, "endless SMTP reply");
}

int smtp_client_reply_err(const struct smtp_client_reply *reply, struct err *err)
{
	static const struct {
		const char *status;
		enum err_kind kind;
	} KINDS[] = {
		{".1.1", ERR_ABSENT},
		{".2.2", ERR_OVER_QUOTA},
		{".3.4", ERR_LIMIT},
		{".7.1", ERR_DENIED},
	};
	struct slice text = slice_str(reply->text), rest = text, status = slice_cut(&rest, ' ');
	bool has_status = status.len >= 5 && status.len < sizeof(err->status) &&
			  status.ptr[1] == '.' && (status.ptr[0] == '4' || status.ptr[0] == '5');
	enum err_kind kind = ERR_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(KINDS) && has_status; i++)
		if (slice_ends(status, slice_str(KINDS[i].status)))
			kind = KINDS[i].kind;
	struct slice words = has_status ? rest : text;
	if (reply->code >= 500)
		(void)err_permanent(err, kind, "%.*s", SLICE_ARG(words));
	else
		(void)err_temporary(err, kind, "%.*s", SLICE_ARG(words));
	if (has_status) {
		char copy[sizeof(err->status)];
		(void)snprintf(copy, sizeof(copy), "%.*s", SLICE_ARG(status));
		return err_status(err, copy);
	}
	return -1;
}

int smtp_client_expect(struct net_client *net, int code, unsigned *extensions, struct err *err)
{
	struct smtp_client_reply reply;
	if (smtp_client_read_reply(net, &reply, extensions, err) < 0)
		return -1;
	if (reply.code == code)
		return 0;
	return err_temporary(
		err, ERR_UNAVAILABLE, "the LMTP server says %d %.100s", reply.code, reply.text);
}
