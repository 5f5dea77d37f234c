/* net/client.h with frames. */
#include "move/link.h"

#include "base/alloc.h"
#include "net/client.h"
#include "net/remote.h"
#include "net/tls.h"
#include "store/row.h"

#include <openssl/crypto.h>

static const char DEFAULT_PORT[] = "8130";

struct move_link {
	struct net_client *client;
};

struct slice move_host_alone(struct slice host)
{
	ssize_t colon = slice_find(host, ':'), end = slice_find(host, ']');
	if (slice_starts(host, SLICE("[")) && end > 0)
		return slice_sub(host, 0, (size_t)end + 1);
	bool has_port = colon >= 0 && slice_find(slice_from(host, (size_t)colon + 1), ':') < 0;
	return has_port ? slice_sub(host, 0, (size_t)colon) : host;
}

static int connect_to(const struct net_remote *remote, const struct move_link_options *options,
	struct net_client **ret_client, struct err *err)
{
	struct net_client_options o = {
		.tls = NET_CLIENT_TLS,
		.tls_name = remote->host,
		.ca_file = options->authorities[0] ? options->authorities : NULL,
		.timeout_ms = options->timeout_ms,
	};
	struct net_address addresses[NET_REMOTE_ADDRESSES_MAX];
	size_t count;
	int r = net_remote_look_up(remote, addresses, &count, err);
	if (r < 0)
		return r;
	r = -1;
	for (size_t i = 0; i < count && r < 0; i++) {
		o.address = addresses[i];
		r = net_client_connect(&o, ret_client, err);
	}
	return r;
}

/* All of them speak TLS: nobody says so. */
static int parse(struct slice host, struct net_remote *ret_remote, struct err *err)
{
	if (net_remote_parse(host, DEFAULT_PORT, ret_remote, err) == 0 && !ret_remote->tls &&
		ret_remote->address.len == 0)
		return 0;
	return err_permanent(
		err, ERR_BAD_INPUT, "\"%.*s\" is no host, nor host:port", SLICE_ARG(host));
}

static int greet(struct move_link *link, const struct move_link_options *options, struct err *err)
{
	AUTO(buf_free) struct buf answer = BUF(MOVE_GREETING_MAX);
	const struct move_request hello = {
		.type = MOVE_HELLO,
		.first_version = MOVE_VERSION,
		.last_version = MOVE_VERSION,
		.rows_version = ROW_VERSION,
		.secret = options->secret,
		.software = SLICE("rookery " ROOKERY_VERSION),
	};
	bool broken;
	int r = move_link_ask(link, &hello, &answer, &broken, err);
	net_client_wipe_sent(link->client);
	return r;
}

int move_link_open(
	const struct move_link_options *options, struct move_link **ret_link, struct err *err)
{
	struct move_link *link = ALLOC(struct move_link);
	struct net_remote remote;
	int r = parse(options->host, &remote, err);
	if (r == 0)
		r = connect_to(&remote, options, &link->client, err);
	if (r == 0)
		r = greet(link, options, err);
	if (r < 0) {
		move_link_close(link);
		return err_prefix(err, "%.*s", SLICE_ARG(options->host));
	}
	*ret_link = link;
	return 0;
}

void move_link_close(struct move_link *link)
{
	if (!link)
		return;
	net_client_close(link->client);
	free(link);
}

void move_link_set_timeout(struct move_link *link, unsigned ms)
{
	net_client_set_timeout(link->client, ms);
}

static void send_message(struct move_link *link, unsigned type, struct slice message)
{
	char head[MOVE_FRAME_HEAD];
	do {
		struct slice part = slice_sub(message, 0, MOVE_FRAME_MAX);
		message = slice_from(message, part.len);
		move_frame_head(type, part.len, message.len == 0, head);
		net_client_write(link->client, slice(head, sizeof(head)));
		net_client_write(link->client, part);
	} while (message.len > 0);
}

static int read_frame(
	struct move_link *link, struct buf *frame, struct move_frame *ret_frame, struct err *err)
{
	buf_clear(frame);
	int r = net_client_read_bytes(link->client, MOVE_FRAME_HEAD, frame, err);
	if (r < 0)
		return r;
	size_t len = ((size_t)(uint8_t)frame->data[0] << 24) |
		     (size_t)(uint8_t)frame->data[1] << 16 | (size_t)(uint8_t)frame->data[2] << 8 |
		     (size_t)(uint8_t)frame->data[3];
	if (len <= MOVE_FRAME_MAX)
		r = net_client_read_bytes(link->client, len, frame, err);
	if (r < 0)
		return r;
	struct slice input = buf_slice(frame);
	return move_frame_next(&input, ret_frame) == 1
		       ? 0
		       : err_temporary(err, ERR_BAD_INPUT, "the other node talks something else");
}

static int read_answer(
	struct move_link *link, struct buf *answer, unsigned *ret_type, struct err *err)
{
	AUTO(buf_free) struct buf bytes = BUF(MOVE_FRAME_HEAD + MOVE_FRAME_MAX);
	struct move_frame frame;
	do {
		int r = read_frame(link, &bytes, &frame, err);
		if (r < 0)
			return r;
		buf_add_slice(answer, frame.bytes);
		if (answer->failed)
			return err_temporary(err, ERR_LIMIT, "the other node's answer is too long");
	} while (!frame.last);
	*ret_type = frame.type;
	return 0;
}

int move_link_ask(struct move_link *link, const struct move_request *request, struct buf *answer,
	bool *ret_broken, struct err *err)
{
	struct buf message = BUF(MOVE_MESSAGE_MAX);
	size_t before = answer->len;
	unsigned type = 0;
	*ret_broken = true;
	move_request_write(request, &message);
	if (message.failed) {
		buf_free(&message);
		*ret_broken = false;
		return err_permanent(err, ERR_LIMIT, "a body, or a row, is too large to be moved");
	}
	send_message(link, request->type, buf_slice(&message));
	OPENSSL_cleanse(message.data, message.len); /* it may hold the secret, or his */
	buf_free(&message);
	int r = read_answer(link, answer, &type, err);
	if (r < 0)
		return r;
	*ret_broken = false;
	if (type == MOVE_OK)
		return 0;
	if (type == MOVE_NO && move_refusal_read(slice_from(buf_slice(answer), before), err)) {
		answer->len = before;
		return -1;
	}
	*ret_broken = true;
	return err_temporary(err, ERR_BAD_INPUT, "the other node talks something else");
}
