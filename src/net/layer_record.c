/* A secured connection between its handshake and its end, without OpenSSL's state.
 *
 * OpenSSL keeps 14 KiB for each connection as long as it lasts. What TLS 1.3 needs of that once the
 * handshake is over are two keys and two counters: this layer takes them over (layer_tls.c hands
 * them on) and does what is left of the protocol: records, alerts, key updates. */
#include "net/layer.h"
#include "net/tls_internal.h"
#include "net/tls_record.h"

#include "base/alloc.h"
#include "base/buf.h"

enum {
	SEALED_AT_ONCE = 2, /* records in one write to the socket */
	SEALED_MAX = TLS_RECORD_PLAIN_MAX + TLS_RECORD_OVERHEAD,
	IN_VAIN_MAX = 32, /* records in a row that carry no data */
	NEW_TICKET = 4,   /* RFC 8446 section 4.6.1 */
	KEY_UPDATE = 24,  /* section 4.6.3 */
	KEY_UPDATE_LEN = 5,
	MESSAGE_HEADER = 4, /* of a handshake message: its type, and its length in 3 bytes */
	TICKET_MAX = 8 + 1 + 255 + 2 + 65535 + 2 + 65535,
	ALERT_LEN = 2,
	USER_CANCELED = 90,
};

struct record_layer {
	struct net_layer layer;
	struct tls_keys in_keys, out_keys;
	struct net_tls_info *info;
	struct buf in;    /* from below, not opened: less than a record, mostly nothing */
	struct buf plain; /* opened, more than the caller had room for */
	struct buf out;   /* sealed, not taken by the socket */
	size_t plain_at, out_at;
	size_t out_stands_for; /* bytes of the caller's that are in `out` and were not counted yet
				*/
	unsigned in_vain;
	bool ended, broken;
	bool finished; /* close_notify was said */
	bool is_client;
	/* A handshake message that goes on in the next record: its header's bytes so far, and how
	 * much is to be dropped. */
	uint8_t header[MESSAGE_HEADER], header_len;
	uint32_t drop;
};

/* 0 when nothing is left in `out`; else WANT_WRITE or BROKEN. */
static ssize_t flush(struct record_layer *r)
{
	struct net_layer *below = r->layer.below;
	while (r->out_at < r->out.len) {
		ssize_t sent =
			below->ops->write(below, r->out.data + r->out_at, r->out.len - r->out_at);
		if (sent < 0)
			return sent;
		r->out_at += (size_t)sent;
	}
	buf_free(&r->out);
	r->out_at = 0;
	return 0;
}

/* A message of the layer's own goes behind what waits already. */
static void say(struct record_layer *r, enum tls_content content, struct slice message)
{
	char *to = buf_reserve(&r->out, message.len + TLS_RECORD_OVERHEAD);
	if (!to)
		return;
	r->out.len += tls_record_seal(&r->out_keys, content, message, (uint8_t *)to);
	(void)flush(r);
}

static ssize_t refuse(struct record_layer *r, int alert)
{
	const char message[ALERT_LEN] = {2, (char)alert}; /* fatal */
	say(r, TLS_ALERT, slice(message, sizeof(message)));
	r->broken = true;
	return NET_LAYER_BROKEN;
}

static void say_key_update(struct record_layer *r)
{
	static const char MESSAGE[KEY_UPDATE_LEN] = {KEY_UPDATE, 0, 0, 1, 0};
	say(r, TLS_HANDSHAKE, slice(MESSAGE, sizeof(MESSAGE)));
	tls_keys_update(&r->out_keys);
}

/* It ends its record, because what follows has other keys (section 5.1). */
static ssize_t take_key_update(struct record_layer *r, struct slice message)
{
	const char *m = message.ptr;
	if (message.len != KEY_UPDATE_LEN || m[1] || m[2] || m[3] != 1)
		return refuse(r, TLS_UNEXPECTED_MESSAGE);
	if (m[4] != 0 && m[4] != 1)
		return refuse(r, TLS_ILLEGAL_PARAMETER);
	bool wants_ours = m[4] == 1;
	tls_keys_update(&r->in_keys);
	if (wants_ours && !r->finished)
		say_key_update(r);
	return 0;
}

static bool is_in_message(const struct record_layer *r)
{
	return r->header_len > 0 || r->drop > 0;
}

/* A ticket's header is whole: the rest will be dropped, because no session is resumed. */
static bool begin_ticket(struct record_layer *r)
{
	uint32_t len = (uint32_t)r->header[1] << 16 | (uint32_t)r->header[2] << 8 | r->header[3];
	r->header_len = 0;
	r->drop = len;
	return r->header[0] == NEW_TICKET && r->is_client && len <= TICKET_MAX;
}

/* After the handshake a client has key updates to say, a server tickets too, which may be cut by
 * records anywhere. */
static ssize_t take_handshake(struct record_layer *r, struct slice rest)
{
	if (rest.len == 0)
		return refuse(r, TLS_UNEXPECTED_MESSAGE);
	while (rest.len > 0) {
		size_t dropped = MIN(r->drop, rest.len);
		r->drop -= (uint32_t)dropped;
		rest = slice_from(rest, dropped);
		if (!is_in_message(r) && rest.len > 0 && rest.ptr[0] == KEY_UPDATE)
			return take_key_update(r, rest);
		while (r->header_len < MESSAGE_HEADER && rest.len > 0) {
			r->header[r->header_len++] = (uint8_t)rest.ptr[0];
			rest = slice_from(rest, 1);
		}
		if (r->header_len == MESSAGE_HEADER && !begin_ticket(r))
			return refuse(r, TLS_UNEXPECTED_MESSAGE);
	}
	return 0;
}

static ssize_t take_alert(struct record_layer *r, struct slice alert)
{
	if (alert.len != ALERT_LEN)
		return refuse(r, TLS_DECODE_ERROR);
	if (alert.ptr[1] == TLS_CLOSE_NOTIFY)
		r->ended = true;
	else if (alert.ptr[1] != USER_CANCELED) {
		r->broken = true;
		return NET_LAYER_BROKEN;
	}
	return 0;
}

static ssize_t take_data(struct record_layer *r, struct slice data, void *to, size_t len)
{
	size_t count = MIN(data.len, len);
	if (count == 0)
		return 0;
	r->in_vain = 0;
	memcpy(to, data.ptr, count);
	buf_add_slice(&r->plain, slice_from(data, count));
	explicit_bzero(
		(char *)data.ptr, data.len); /* it lies on the stack, and may be a password */
	if (r->plain.failed)
		return refuse(r, TLS_INTERNAL_ERROR);
	return (ssize_t)count;
}

/* Bytes for the caller; 0 when the record brought none. */
static ssize_t take_record(
	struct record_layer *r, uint8_t *record, size_t record_len, void *to, size_t len)
{
	uint8_t content;
	struct slice plain;
	int alert = tls_record_open(&r->in_keys, record, record_len, &content, &plain);
	if (alert == 0 && ++r->in_vain > IN_VAIN_MAX)
		alert = TLS_UNEXPECTED_MESSAGE;
	if (alert == 0 && content == TLS_DATA && is_in_message(r))
		alert = TLS_UNEXPECTED_MESSAGE; /* section 5.1 */
	if (alert != 0)
		return refuse(r, alert);
	switch (content) {
	case TLS_DATA:
		return take_data(r, plain, to, len);
	case TLS_ALERT:
		return take_alert(r, plain);
	case TLS_HANDSHAKE:
		return take_handshake(r, plain);
	default:
		return refuse(r, TLS_UNEXPECTED_MESSAGE);
	}
}

static ssize_t take_plain(struct record_layer *r, void *to, size_t len)
{
	size_t count = MIN(r->plain.len - r->plain_at, len);
	memcpy(to, r->plain.data + r->plain_at, count);
	r->plain_at += count;
	if (r->plain_at == r->plain.len) {
		buf_free(&r->plain);
		r->plain_at = 0;
	}
	return (ssize_t)count;
}

/* What is left of the input waits in memory of its own. */
static bool keep(struct record_layer *r, const uint8_t *bytes, size_t len)
{
	struct buf kept = BUF(TLS_RECORD_MAX);
	buf_add(&kept, bytes, len);
	buf_free(&r->in);
	r->in = kept;
	return !kept.failed;
}

static ssize_t record_read(struct net_layer *layer, void *to, size_t len)
{
	struct record_layer *r = (struct record_layer *)layer;
	UNINITIALIZED uint8_t bytes[TLS_RECORD_MAX];
	size_t at = 0, have = r->in.len;
	ssize_t result;
	if (r->broken)
		return NET_LAYER_BROKEN;
	if (r->plain.len > 0)
		return take_plain(r, to, len);
	if (r->ended)
		return 0;
	if (have > 0)
		memcpy(bytes, r->in.data, have);
	bool moved = false;
	for (;;) {
		int record = tls_record_len(slice(bytes + at, have - at));
		if (record < 0) {
			result = refuse(r, -record);
			break;
		}
		if (record > 0 && have - at >= (size_t)record) {
			result = take_record(r, bytes + at, (size_t)record, to, len);
			at += (size_t)record;
			moved = true;
			if (result != 0 || r->ended)
				break;
			continue;
		}
		memmove(bytes, bytes + at, have - at);
		have -= at;
		at = 0;
		result = layer->below->ops->read(layer->below, bytes + have, sizeof(bytes) - have);
		if (result <= 0) /* an end without close_notify is one too */
			break;
		have += (size_t)result;
		moved = true;
	}
	if (moved && !keep(r, bytes + at, have - at))
		return refuse(r, TLS_INTERNAL_ERROR);
	return result;
}

static bool record_may_read(struct net_layer *layer)
{
	struct record_layer *r = (struct record_layer *)layer;
	int record = tls_record_len(buf_slice(&r->in));
	return r->plain.len > 0 || layer->below->ops->may_read(layer->below) || record < 0 ||
	       (record > 0 && r->in.len >= (size_t)record);
}

/* Seals as much as goes into one write. Returns the length of the records. */
static size_t seal_some(struct record_layer *r, struct slice *rest, uint8_t *to)
{
	size_t len = 0;
	for (unsigned i = 0; i < SEALED_AT_ONCE && rest->len > 0; i++) {
		struct slice part = slice_sub(*rest, 0, TLS_RECORD_PLAIN_MAX);
		len += tls_record_seal(&r->out_keys, TLS_DATA, part, to + len);
		*rest = slice_from(*rest, part.len);
	}
	return len;
}

static ssize_t record_write(struct net_layer *layer, const void *from, size_t len)
{
	struct record_layer *r = (struct record_layer *)layer;
	UNINITIALIZED uint8_t sealed[SEALED_AT_ONCE * SEALED_MAX];
	if (r->broken)
		return NET_LAYER_BROKEN;
	ssize_t flushed = flush(r);
	if (flushed < 0)
		return flushed;
	size_t taken = r->out_stands_for;
	r->out_stands_for = 0;
	if (taken > 0)
		return (ssize_t)taken;
	if (tls_keys_are_worn(&r->out_keys))
		say_key_update(r);
	struct slice rest = slice(from, len);
	size_t sealed_len = seal_some(r, &rest, sealed), at = 0;
	taken = len - rest.len;
	ssize_t sent = r->out.len > 0 ? NET_LAYER_WANT_WRITE : 0; /* the key update goes first */
	while (sent >= 0 && at < sealed_len) {
		sent = layer->below->ops->write(layer->below, sealed + at, sealed_len - at);
		at += sent > 0 ? (size_t)sent : 0;
	}
	if (at == sealed_len)
		return (ssize_t)taken;
	if (sent == NET_LAYER_BROKEN)
		return sent;
	/* The caller offers these bytes again; they are counted when their record is gone. */
	buf_add(&r->out, sealed + at, sealed_len - at);
	r->out_stands_for = taken;
	r->broken = r->out.failed;
	return r->broken ? NET_LAYER_BROKEN : NET_LAYER_WANT_WRITE;
}

static int record_handshake(struct net_layer **layer, struct err *err)
{
	return 0;
}

static int record_finish(struct net_layer *layer)
{
	static const char MESSAGE[ALERT_LEN] = {1, TLS_CLOSE_NOTIFY}; /* warning */
	struct record_layer *r = (struct record_layer *)layer;
	if (r->broken)
		return 0;
	if (!r->finished)
		say(r, TLS_ALERT, slice(MESSAGE, sizeof(MESSAGE)));
	r->finished = true;
	return flush(r) == NET_LAYER_WANT_WRITE ? NET_LAYER_WANT_WRITE : 0;
}

static void record_free(struct net_layer *layer)
{
	struct record_layer *r = (struct record_layer *)layer;
	struct net_layer *below = layer->below;
	tls_keys_wipe(&r->in_keys);
	tls_keys_wipe(&r->out_keys);
	buf_free(&r->in);
	buf_free(&r->plain);
	buf_free(&r->out);
	free(r->info);
	free(r);
	below->ops->free(below);
}

static const struct net_tls_info *record_info(struct net_layer *layer)
{
	return ((struct record_layer *)layer)->info;
}

static const struct net_layer_ops RECORD_OPS = {
	.handshake = record_handshake,
	.read = record_read,
	.may_read = record_may_read,
	.write = record_write,
	.finish = record_finish,
	.free = record_free,
	.tls_info = record_info,
};

struct net_layer *net_records_new(const struct net_records_start *start, struct net_layer *below)
{
	struct record_layer *r = ALLOC(struct record_layer);
	*r = (struct record_layer){
		.layer = {.ops = &RECORD_OPS, .below = below},
		.info = start->info,
		.is_client = start->is_client,
		.in = BUF(TLS_RECORD_MAX),
		.plain = BUF(TLS_RECORD_PLAIN_MAX),
		.out = BUF((SEALED_AT_ONCE + 1) * SEALED_MAX),
	};
	if (!tls_keys_init(&r->in_keys, start->suite, start->in_secret) ||
		!tls_keys_init(&r->out_keys, start->suite, start->out_secret)) {
		free(r);
		return NULL;
	}
	r->out_keys.sequence = start->records_written;
	buf_add_slice(&r->in, start->input);
	return &r->layer;
}
