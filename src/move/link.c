/* net/client.h with frames. */
#include "move/link.h"

#include "base/alloc.h"
#include "base/wait.h"
#include "net/client.h"
#include "net/tls.h"
#include "store/row.h"

#include <netdb.h>
#include <openssl/crypto.h>

enum { HOST_MAX = 256, PORT_MAX = 8, ADDRESSES_MAX = 4 };

struct move_link {
	struct net_client *client;
	char host[HOST_MAX], port[PORT_MAX];
};

struct slice move_host_alone(struct slice host)
{
	ssize_t colon = slice_find(host, ':'), end = slice_find(host, ']');
	if (slice_starts(host, SLICE("[")) && end > 0)
		return slice_sub(host, 0, (size_t)end + 1);
	bool has_port = colon >= 0 && slice_find(slice_from(host, (size_t)colon + 1), ':') < 0;
	return has_port ? slice_sub(host, 0, (size_t)colon) : host;
}

static bool split(struct move_link *link, struct slice text)
{
	struct slice host = move_host_alone(text), port = slice_from(text, host.len);
	if (slice_starts(host, SLICE("[")))
		host = slice_sub(host, 1, host.len - 2);
	uint64_t number = MOVE_PORT;
	if (port.len > 0 &&
		(port.ptr[0] != ':' || !slice_to_u64(slice_from(port, 1), UINT16_MAX, &number) ||
			number == 0))
		return false;
	if (host.len == 0 || host.len >= HOST_MAX)
		return false;
	(void)snprintf(link->host, sizeof(link->host), "%.*s", SLICE_ARG(host));
	(void)snprintf(link->port, sizeof(link->port), "%u", (unsigned)number);
	return true;
}

static int look_up(const struct move_link *link, struct addrinfo **ret_found, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	wait_block_begin();
	int r = getaddrinfo(link->host, link->port, &hints, ret_found);
	wait_block_end();
	return r == 0 ? 0
		      : err_temporary(err, ERR_UNAVAILABLE, "can't look up %s: %s", link->host,
				gai_strerror(r));
}

static int connect_to(
	struct move_link *link, const struct move_link_options *options, struct err *err)
{
	struct net_client_options o = {
		.tls = NET_CLIENT_TLS,
		.tls_name = link->host,
		.ca_file = options->authorities[0] ? options->authorities : NULL,
		.timeout_ms = options->timeout_ms,
	};
	struct addrinfo *found;
	unsigned tried = 0;
	int r = look_up(link, &found, err);
	if (r < 0)
		return r;
	r = -1;
	for (const struct addrinfo *a = found; a && r < 0 && tried < ADDRESSES_MAX;
		a = a->ai_next, tried++) {
		o.address = (struct net_address){.len = a->ai_addrlen};
		memcpy(&o.address.storage, a->ai_addr, a->ai_addrlen);
		r = net_client_connect(&o, &link->client, err);
	}
	freeaddrinfo(found);
	return r;
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
	int r = split(link, options->host)
			? connect_to(link, options, err)
			: err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is no host, nor host:port",
				  SLICE_ARG(options->host));
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
