/* Reading replies: all lines of one, and what they say. Their text goes into logs and reports, so
 * whatever is not printable becomes a question mark here. */
#include "smtp/client_reply.h"

/* "AUTH PLAIN LOGIN", without its first word. */
static void read_mechanisms(struct slice list, struct smtp_offer *offer)
{
	(void)snprintf(
		offer->mechanisms, sizeof(offer->mechanisms), "%.*s", SLICE_ARG(slice_trim(list)));
}

static void read_xclient(struct slice list, struct smtp_offer *offer)
{
	(void)snprintf(offer->xclient, sizeof(offer->xclient), "%.*s", SLICE_ARG(slice_trim(list)));
}

/* A SIZE without a number, or with 0, is no limit (RFC 1870 section 3). */
static void read_size(struct slice number, struct smtp_offer *offer)
{
	if (!slice_to_u64(slice_trim(number), UINT64_MAX, &offer->size_max))
		offer->size_max = 0;
}

static void read_extension(struct slice line, struct smtp_offer *offer)
{
	static const struct {
		const char *name;
		enum smtp_client_extension bit;
		void (*read)(struct slice arguments, struct smtp_offer *offer);
	} NAMES[] = {
		{"PIPELINING", SMTP_HAS_PIPELINING, NULL},
		{"CHUNKING", SMTP_HAS_CHUNKING, NULL},
		{"SMTPUTF8", SMTP_HAS_SMTPUTF8, NULL},
		{"8BITMIME", SMTP_HAS_EIGHT_BIT, NULL},
		{"SIZE", SMTP_HAS_SIZE, read_size},
		{"DSN", SMTP_HAS_DSN, NULL},
		{"XSESSION", SMTP_HAS_XSESSION, NULL},
		{"BINARYMIME", SMTP_HAS_BINARY, NULL},
		{"STARTTLS", SMTP_HAS_STARTTLS, NULL},
		{"AUTH", SMTP_HAS_AUTH, read_mechanisms},
		{"REQUIRETLS", SMTP_HAS_REQUIRETLS, NULL},
		{"XADDR", SMTP_HAS_XADDR, NULL},
		{"XDELIVERY", SMTP_HAS_XDELIVERY, NULL},
		{"XCLIENT", SMTP_HAS_XCLIENT, read_xclient},
	};
	struct slice word = slice_cut(&line, ' ');
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (slice_eq_nocase(word, slice_str(NAMES[i].name))) {
			offer->extensions |= NAMES[i].bit;
			if (NAMES[i].read)
				NAMES[i].read(line, offer);
			return;
		}
}

/* Length of the digits at the front, 1 to 3; 0: there are none, or more. */
static size_t digits_len(struct slice s)
{
	size_t n = 0;
	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	return n <= 3 ? n : 0;
}

/* Cuts "5.1.1 " off the front (RFC 2034 section 4): its length, without the space; 0: there is
 * none. */
static size_t status_len(struct slice text)
{
	if (text.len < 5 || !strchr("245", text.ptr[0]) || text.ptr[1] != '.')
		return 0;
	size_t subject = digits_len(slice_from(text, 2));
	if (subject == 0 || 2 + subject >= text.len || text.ptr[2 + subject] != '.')
		return 0;
	size_t detail = digits_len(slice_from(text, 3 + subject)), len = 3 + subject + detail;
	return detail > 0 && (len == text.len || text.ptr[len] == ' ') ? len : 0;
}

static void add_text(struct smtp_client_reply *reply, struct slice text)
{
	text = slice_trim(text);
	if (reply->len > 0 && text.len > 0 && reply->len < sizeof(reply->text) - 1)
		reply->text[reply->len++] = ' ';
	char *to = reply->text + reply->len;
	size_t n = MIN(text.len, sizeof(reply->text) - 1 - reply->len);
	for (size_t i = 0; i < n; i++) {
		char c = text.ptr[i];
		to[i] = (char)(c >= ' ' && c < 127 ? c : '?');
	}
	to[n] = '\0';
	reply->len += n;
}

enum smtp_reply_outcome smtp_client_reply_line(
	struct smtp_client_reply *reply, struct slice line, struct smtp_offer *offer)
{
	uint64_t code;
	if (line.len < 3 || !slice_to_u64(slice_sub(line, 0, 3), 599, &code) || code < 200 ||
		reply->lines == SMTP_REPLY_LINES_MAX)
		return SMTP_REPLY_MALFORMED;
	struct slice text = slice_from(line, 4);
	if (reply->lines++ == 0) {
		reply->status[0] = '\0';
		reply->len = 0;
	} else if (offer) {
		read_extension(text, offer);
	}
	size_t status = status_len(text);
	if (status > 0 && !reply->status[0]) {
		memcpy(reply->status, text.ptr, status); /* 9 bytes at most */
		reply->status[status] = '\0';
	}
	if (reply->status[0]) /* the last code counts, should they differ */
		reply->status[0] = line.ptr[0];
	add_text(reply, slice_from(text, status));
	reply->code = (int)code;
	return line.len > 3 && line.ptr[3] == '-' ? SMTP_REPLY_MORE : SMTP_REPLY_COMPLETE;
}

int smtp_client_read_reply(struct net_client *net, struct smtp_client_reply *reply,
	struct smtp_offer *offer, struct err *err)
{
	reply->lines = 0;
	for (;;) {
		struct slice line;
		if (net_client_read_line(net, SMTP_REPLY_LINE_MAX, &line, err) < 0) {
			err->kind = ERR_UNAVAILABLE; /* be it a line that never ends */
			return -1;
		}
		switch (smtp_client_reply_line(reply, line, offer)) {
		case SMTP_REPLY_MORE:
			break;
		case SMTP_REPLY_COMPLETE:
			return 0;
		default:
			return err_temporary(err, ERR_UNAVAILABLE, "not an SMTP reply: \"%.*s\"",
				(int)MIN(line.len, (size_t)40), line.ptr);
		}
	}
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
	struct slice status = slice_str(reply->status);
	bool has_status = status.len > 0 && status.len < sizeof(err->status);
	enum err_kind kind = ERR_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(KINDS) && has_status; i++)
		if (slice_ends(status, slice_str(KINDS[i].status)))
			kind = KINDS[i].kind;
	if (reply->code >= 500)
		(void)err_permanent(err, kind, "%s", reply->text);
	else
		(void)err_temporary(err, kind, "%s", reply->text);
	return has_status && strchr("45", status.ptr[0]) ? err_status(err, reply->status) : -1;
}

int smtp_client_expect(struct net_client *net, int code, struct smtp_offer *offer, struct err *err)
{
	UNINITIALIZED struct smtp_client_reply reply;
	if (smtp_client_read_reply(net, &reply, offer, err) < 0)
		return -1;
	if (reply.code == code)
		return 0;
	return err_temporary(
		err, ERR_UNAVAILABLE, "the server says %d %.100s", reply.code, reply.text);
}
