/* The layer of TLS records: any bytes from the socket; and well-sealed records of any content, as
 * only a client that finished the handshake can send them. Cut anywhere, the outcome is the same.
 */
#include "net/layer.h"
#include "net/tls_internal.h"
#include "net/tls_record.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/must.h"

enum { SUITE = 0x1301, INPUT_MAX = 1 << 20, SOME = 700 };

static const struct slice SECRET = {"0123456789abcdef0123456789abcdef", 32};

/* A socket that gives `step` bytes at a time and takes everything. */
struct wire {
	struct net_layer layer;
	struct slice rest;
	size_t step;
};

static ssize_t wire_read(struct net_layer *layer, void *to, size_t len)
{
	struct wire *wire = (struct wire *)layer;
	len = MIN(MIN(len, wire->step), wire->rest.len);
	if (len > 0)
		memcpy(to, wire->rest.ptr, len);
	wire->rest = slice_from(wire->rest, len);
	return (ssize_t)len;
}

static bool wire_may_read(struct net_layer *layer)
{
	return true;
}

static ssize_t wire_write(struct net_layer *layer, const void *from, size_t len)
{
	return (ssize_t)MIN(len, ((struct wire *)layer)->step);
}

static void wire_free(struct net_layer *layer)
{
}

static const struct net_layer_ops WIRE_OPS = {
	.read = wire_read, .may_read = wire_may_read, .write = wire_write, .free = wire_free};

/* Everything that comes out, and how it ends. */
static ssize_t read_all(
	struct slice bytes, bool is_client, size_t step, size_t room, struct buf *to)
{
	struct wire wire = {.layer = {.ops = &WIRE_OPS}, .rest = bytes, .step = step};
	struct net_records_start start = {
		.suite = SUITE,
		.in_secret = SECRET,
		.out_secret = SECRET,
		.is_client = is_client,
	};
	struct net_layer *layer = net_records_new(&start, &wire.layer);
	must(layer);
	ssize_t got;
	do {
		char *at = buf_reserve(to, room);
		must(at && layer->ops->may_read(layer));
		got = layer->ops->read(layer, at, room);
		to->len += got > 0 ? (size_t)got : 0;
		if (got > 0)
			must(layer->ops->write(layer, at, (size_t)got) != 0);
	} while (got > 0);
	(void)layer->ops->finish(layer);
	layer->ops->free(layer);
	return got;
}

static void check(struct slice bytes)
{
	for (int client = 0; client < 2; client++) {
		AUTO(buf_free) struct buf whole = BUF(2 * INPUT_MAX), pieces = BUF(2 * INPUT_MAX);
		ssize_t end = read_all(bytes, client, INPUT_MAX, 1 << 14, &whole);
		must(read_all(bytes, client, bytes.len < SOME ? 1 : 97, 13, &pieces) == end);
		must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf sealed = BUF(INPUT_MAX);
	struct slice rest = slice(data, MIN(size, (size_t)INPUT_MAX / 64));
	struct tls_keys keys;
	check(rest);
	must(tls_keys_init(&keys, SUITE, SECRET));
	while (rest.len >= 2) { /* content, length, bytes */
		uint8_t content = (uint8_t)rest.ptr[0];
		size_t len = (uint8_t)rest.ptr[1];
		struct slice part = slice_sub(rest, 2, len);
		char *to = buf_reserve(&sealed, part.len + TLS_RECORD_OVERHEAD);
		must(to);
		sealed.len += tls_record_seal(&keys, content, part, (uint8_t *)to);
		if (content == TLS_HANDSHAKE && part.len == 5 && part.ptr[0] == 24)
			tls_keys_update(&keys);
		rest = slice_from(rest, 2 + part.len);
	}
	check(buf_slice(&sealed));
	return 0;
}
