/* A login at a smart host (RFC 4954). A password that is refused makes no bounces: that is for the
 * operator to mend, and mail waits meanwhile. */
#include "smtp/outbound_internal.h"

#include "base/base64.h"
#include "net/tls.h"
#include "sasl/client.h"

enum { AUTH_LINE_MAX = 12288, MESSAGE_MAX = 16 * 1024, STEPS_MAX = 8 };

static void wipe(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	buf_free(secret);
}

static int denied(struct err *err, const char *status, const char *text)
{
	(void)err_temporary(err, ERR_DENIED, "%s", text);
	return err_status(err, status);
}

/* A challenge is longer than what is kept of other replies. Returns 1 with it decoded, 0 when the
 * server has said something else. */
static int read_answer(struct smtp_outbound *o, struct smtp_client_reply *reply,
	struct buf *challenge, struct err *err)
{
	reply->lines = 0;
	for (;;) {
		struct slice line;
		if (net_client_read_line(o->x.net, AUTH_LINE_MAX, &line, err) < 0)
			return -1;
		if (slice_starts(line, SLICE("334"))) {
			buf_clear(challenge);
			if (!base64_decode(challenge, slice_trim(slice_from(line, 4))))
				return denied(err, "4.7.0", "the server's challenge is malformed");
			return 1;
		}
		switch (smtp_client_reply_line(reply, line, NULL)) {
		case SMTP_REPLY_MORE:
			break;
		case SMTP_REPLY_COMPLETE:
			return smtp_outbound_heard(o, reply, err);
		default:
			return err_temporary(err, ERR_UNAVAILABLE, "not an SMTP reply to AUTH");
		}
	}
}

/* `verb` in front of it: "AUTH X ", or nothing. */
static int send_response(
	struct smtp_outbound *o, const char *verb, struct slice response, struct err *err)
{
	struct buf line = BUF(2 * MESSAGE_MAX);
	/* One allocation, so that no copy is left behind. */
	if (!buf_reserve(&line, 2 * MESSAGE_MAX))
		return err_temporary(err, ERR_OTHER, "no memory");
	buf_add_str(&line, verb);
	base64_encode(&line, response);
	if (verb[0] && response.len == 0)
		buf_add_byte(&line, '=');
	buf_add_str(&line, "\r\n");
	net_client_write(o->x.net, buf_slice(&line));
	wipe(&line);
	int r = net_client_flush(o->x.net, err);
	net_client_wipe_sent(o->x.net);
	return r;
}

static int step(
	struct sasl_client *client, struct slice challenge, struct buf *response, struct err *err)
{
	buf_clear(response);
	int r = sasl_client_step(client, challenge, response, err);
	if (r >= 0)
		return 0;
	err->class = ERR_TEMPORARY;
	err->kind = ERR_DENIED;
	return err_status(err, "4.7.0");
}

static int outcome(
	const struct sasl_client *client, const struct smtp_client_reply *reply, struct err *err)
{
	if (reply->code == 235 && sasl_client_is_done(client))
		return 0;
	if (reply->code == 235)
		return denied(err, "4.7.0", "the server did not prove that it knows the password");
	(void)smtp_client_reply_err(reply, err);
	if (err->class != ERR_PERMANENT)
		return -1;
	err->class = ERR_TEMPORARY;
	err->kind = ERR_DENIED;
	return err_status(err, "4.7.8");
}

static int talk(struct smtp_outbound *o, struct sasl_client *client, const char *mechanism,
	struct buf *response, struct err *err)
{
	AUTO(buf_free) struct buf challenge = BUF(MESSAGE_MAX);
	UNINITIALIZED struct smtp_client_reply reply;
	char verb[64];
	(void)snprintf(verb, sizeof(verb), "AUTH %s ", mechanism);
	if (step(client, SLICE_NONE, response, err) < 0 ||
		send_response(o, verb, buf_slice(response), err) < 0)
		return -1;
	for (int i = 0; i < STEPS_MAX; i++) {
		int r = read_answer(o, &reply, &challenge, err);
		if (r <= 0)
			return r < 0 ? r : outcome(client, &reply, err);
		struct slice said = challenge.len > 0 ? buf_slice(&challenge) : SLICE("");
		if (step(client, said, response, err) < 0 ||
			send_response(o, "", buf_slice(response), err) < 0)
			return -1;
	}
	return denied(err, "4.7.0", "the login does not come to an end");
}

int smtp_outbound_login(struct smtp_outbound *o, struct err *err)
{
	const struct smtp_hop *hop = o->hop;
	const struct net_tls_info *info = net_client_tls_info(o->x.net);
	struct sasl_client_options options = {
		.user = hop->user,
		.password = hop->password,
		.exporter = info ? info->exporter : SLICE_NONE,
		.server_end_point = info ? info->server_end_point : SLICE_NONE,
		.allow_plain = info || net_address_is_loopback(&hop->address) ||
			       net_address_is_unix(&hop->address),
	};
	const char *mechanism = sasl_client_choose(slice_str(o->offer.mechanisms), &options);
	if (!mechanism)
		return denied(err, "4.7.9",
			options.allow_plain ? "the server offers no login that is known here"
					    : "without TLS the password is not sent");
	struct sasl_client *client = sasl_client_new(slice_str(mechanism), &options);
	if (!client)
		return denied(err, "4.7.8", "no such user name or password can be");
	struct buf response = BUF(MESSAGE_MAX);
	int r = buf_reserve(&response, MESSAGE_MAX) ? 0
						    : err_temporary(err, ERR_OTHER, "no memory");
	if (r == 0)
		r = talk(o, client, mechanism, &response, err);
	wipe(&response);
	sasl_client_free(client);
	if (r < 0 && err->kind == ERR_DENIED)
		return err_prefix(err, "login failed");
	return r;
}
