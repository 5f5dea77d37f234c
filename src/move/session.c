/* The listener's end of a connection: frames to messages, a secret before all else. */
#include "move/target_internal.h"

#include "store/row.h"

#include <openssl/crypto.h>

enum { IDLE_MS = 10 * 60 * 1000, GREETING_MS = 30 * 1000 };

struct session {
	bool known; /* has said the secret */
	unsigned type;
	struct buf message; /* as far as it came */
};

static void answer(struct net_session *net, unsigned type, struct slice message)
{
	char head[MOVE_FRAME_HEAD];
	do {
		struct slice part = slice_sub(message, 0, MOVE_FRAME_MAX);
		message = slice_from(message, part.len);
		move_frame_head(type, part.len, message.len == 0, head);
		net_write(net, slice(head, sizeof(head)));
		net_write(net, part);
	} while (message.len > 0);
}

static void refuse(struct net_session *net, const struct err *why)
{
	AUTO(buf_free) struct buf message = BUF(MOVE_GREETING_MAX);
	move_refusal_write(why, &message);
	answer(net, MOVE_NO, buf_slice(&message));
}

/* The same time for every secret of the right length. */
static bool is_secret(const struct move_node *node, struct slice said)
{
	struct slice secret = slice_str(node->options.secret);
	return said.len == secret.len && secret.len > 0 &&
	       CRYPTO_memcmp(said.ptr, secret.ptr, secret.len) == 0;
}

static bool greet(
	struct net_session *net, const struct move_node *node, const struct move_request *q)
{
	struct session *s = net_state(net);
	struct err why;
	if (!is_secret(node, q->secret))
		(void)err_permanent(&why, ERR_DENIED, "it refuses the shared secret");
	else if (q->first_version > MOVE_VERSION || q->last_version < MOVE_VERSION)
		(void)err_permanent(&why, ERR_BAD_INPUT, "it speaks another version of moving");
	else if (q->rows_version != ROW_VERSION)
		(void)err_permanent(&why, ERR_BAD_INPUT, "its store has another format of rows");
	else
		s->known = true;
	if (s->known) {
		net_set_timeout(net, IDLE_MS);
		answer(net, MOVE_OK, SLICE("rookery " ROOKERY_VERSION));
		return true;
	}
	log_warn(net_log(net), "a node that may not move users here", F_ERR(&why));
	refuse(net, &why);
	return false;
}

/* False: the connection ends. */
static bool serve(struct net_session *net, struct move_node *node, struct slice message)
{
	struct session *s = net_state(net);
	struct move_request q;
	struct err why;
	if (!move_request_read(s->type, message, &q) || (s->type == MOVE_HELLO) == s->known) {
		log_warn(net_log(net), "a node talks something else than moving");
		return false;
	}
	if (s->type == MOVE_HELLO)
		return greet(net, node, &q);
	AUTO(buf_free) struct buf to = BUF(MOVE_MESSAGE_MAX);
	int r = move_target_serve(node, &q, &to, &why);
	if (r == 0 && to.failed)
		r = err_permanent(&why, ERR_LIMIT, "the account is too large");
	if (r == 0)
		answer(net, MOVE_OK, buf_slice(&to));
	else
		refuse(net, &why);
	return true;
}

/* False: the connection ends. */
static bool take(struct net_session *net, const struct move_frame *frame)
{
	const struct move_service *service = net_service(net);
	struct session *s = net_state(net);
	if (s->message.max == 0)
		s->message = BUF(s->known ? MOVE_MESSAGE_MAX : MOVE_GREETING_MAX);
	if (s->message.len > 0 && frame->type != s->type)
		return false;
	s->type = frame->type;
	buf_add_slice(&s->message, frame->bytes);
	if (s->message.failed)
		return false;
	if (!frame->last)
		return true;
	bool goes_on = serve(net, service->node, buf_slice(&s->message));
	if (s->message.len > 0)
		OPENSSL_cleanse(s->message.data, s->message.len); /* secrets */
	buf_free(&s->message);
	s->message = BUF(0);
	return goes_on;
}

static enum net_next run(struct net_session *net, unsigned events)
{
	if (events & (NET_SHUTDOWN | NET_TIMEOUT))
		return NET_CLOSE;
	for (;;) {
		struct slice all = net_input(net), rest = all;
		struct move_frame frame;
		int r = move_frame_next(&rest, &frame);
		if (r < 0)
			return NET_CLOSE;
		if (r == 0)
			return events & NET_EOF ? NET_CLOSE : NET_WAIT_INPUT;
		bool goes_on = take(net, &frame);
		size_t len = all.len - rest.len;
		OPENSSL_cleanse((char *)all.ptr, len);
		net_consume(net, len);
		if (!goes_on)
			return NET_CLOSE;
		if (net_output_full(net))
			return NET_WAIT_OUTPUT;
	}
}

static enum net_next open_session(struct net_session *net)
{
	const struct move_service *service = net_service(net);
	if (net_trusted_has(service->networks, net_peer(net)))
		return NET_WAIT_INPUT; /* the client speaks first */
	log_warn(net_log(net), "a node that is not in move_trusted");
	struct err why;
	(void)err_permanent(&why, ERR_DENIED, "it does not trust this address (move_trusted)");
	refuse(net, &why);
	return NET_CLOSE;
}

static void close_session(struct net_session *net)
{
	struct session *s = net_state(net);
	if (s->message.len > 0)
		OPENSSL_cleanse(s->message.data, s->message.len);
	buf_free(&s->message);
}

const struct net_protocol move_protocol = {
	.name = "move",
	.session_size = sizeof(struct session),
	.open = open_session,
	.run = run,
	.close = close_session,
	.input_max = MOVE_FRAME_HEAD + MOVE_FRAME_MAX,
	.timeout_ms = GREETING_MS,
};
