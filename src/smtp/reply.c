/* Replies with enhanced status codes (RFC 2034, 3463). */
#include "smtp/session_internal.h"

enum smtp_run smtp_reply(struct smtp_session *s, int code, const char *status, const char *text)
{
	if (code >= 500)
		s->errors++;
	struct buf *out = net_output(s->net);
	buf_add_u64(out, (uint64_t)code);
	buf_add_byte(out, ' ');
	if (status) {
		buf_add_str(out, status);
		buf_add_byte(out, ' ');
	}
	buf_add_str(out, text);
	buf_add_str(out, "\r\n");
	return SMTP_GO_ON;
}

/* Status and reply code by what happened, where the error itself names none. */
static const struct {
	enum err_kind kind;
	int temporary, permanent;
	const char *status; /* without its class digit */
} WORDS[] = {
	{ERR_ABSENT, 450, 550, ".1.1"},
	{ERR_DENIED, 450, 550, ".7.1"},
	{ERR_OVER_QUOTA, 452, 552, ".2.2"},
	{ERR_LIMIT, 452, 552, ".3.4"},
	{ERR_BAD_INPUT, 450, 550, ".6.0"},
};

/* In the backend's own words. */
static enum smtp_run failed_so(struct smtp_session *s, const struct err *err)
{
	unsigned code = s->transaction->reply_code;
	s->transaction->reply_code = 0;
	char status[sizeof(err->status)];
	(void)snprintf(status, sizeof(status), "%c%s", code < 500 ? '4' : '5',
		err->status[0] ? err->status + 1 : ".7.1");
	(void)smtp_reply(s, (int)code, status, err->text);
	return code == 421 ? SMTP_CLOSE : SMTP_GO_ON;
}

enum smtp_run smtp_failed(struct smtp_session *s, const struct err *err,
	const char *status_temporary, const char *status_permanent)
{
	bool permanent = err->class == ERR_PERMANENT;
	if (s->transaction && s->transaction->reply_code)
		return failed_so(s, err);
	int code = permanent ? 550 : 451;
	char by_kind[8] = "";
	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
		if (WORDS[i].kind == err->kind) {
			code = permanent ? WORDS[i].permanent : WORDS[i].temporary;
			(void)snprintf(by_kind, sizeof(by_kind), "%c%s", permanent ? '5' : '4',
				WORDS[i].status);
		}
	const char *status = err->status[0] ? err->status
			     : by_kind[0]   ? by_kind
			     : permanent    ? status_permanent
					    : status_temporary;
	/* What another server said may not fit what it means here. */
	char fitting[sizeof(err->status)];
	(void)snprintf(fitting, sizeof(fitting), "%c%s", permanent ? '5' : '4', status + 1);
	if (!permanent)
		log_warn(net_log(s->net), "temporary failure", F_ERR(err),
			F_STR("origin", err->origin ? err->origin : ""));
	/* The details of a temporary failure are for our log, not for strangers. */
	return smtp_reply(s, code, fitting,
		permanent || err->kind == ERR_OVER_QUOTA ? err->text : "Try again later");
}
