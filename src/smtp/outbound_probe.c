/* Whether a server takes a recipient: an envelope without a message. From the null sender, since a
 * server that checks senders would come back with questions of its own. */
#include "smtp/outbound_internal.h"

/* 0: 2xx; SMTP_PROBE_REFUSED: 5xx; negative: it can't be told. */
static int ask(struct smtp_outbound *o, struct slice line, struct smtp_client_reply *reply,
	struct err *err)
{
	net_client_write(o->x.net, line);
	if (smtp_client_read_reply(o->x.net, reply, NULL, err) < 0) {
		o->ended = true;
		return -1;
	}
	if (reply->code / 100 == 2)
		return 0;
	(void)smtp_client_reply_err(reply, err);
	return reply->code >= 500 ? SMTP_PROBE_REFUSED : -1;
}

int smtp_outbound_probe(struct smtp_outbound *o, const struct envelope_path *path, struct err *err)
{
	AUTO(buf_free) struct buf line = BUF(ENVELOPE_LINE_MAX);
	UNINITIALIZED struct smtp_client_reply reply;
	bool utf8 = path->is_utf8 && (o->x.extensions & SMTP_HAS_SMTPUTF8);
	net_client_set_timeout(o->x.net, o->patience.command);
	if (path->is_utf8 && !utf8)
		return err_temporary(err, ERR_OTHER, "the server takes no address in UTF-8");
	buf_printf(&line, "MAIL FROM:<>%s\r\n", utf8 ? " SMTPUTF8" : "");
	int r = ask(o, buf_slice(&line), &reply, err);
	if (r != 0) /* not a word about the recipient */
		return -1;
	buf_clear(&line);
	buf_printf(&line, "RCPT TO:<%.*s>\r\n", SLICE_ARG(path->address));
	r = ask(o, buf_slice(&line), &reply, err);
	/* A server that speaks of senders or of us does not speak of the recipient. */
	if (r == SMTP_PROBE_REFUSED && slice_starts(slice_str(reply.status), SLICE("5.7.")))
		return -1;
	return r;
}
