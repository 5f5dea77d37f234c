/* What comes out passes where it is to pass, is read as the same tree, and each part holds the same
 * bytes. The first byte picks the way. */
#include "base/must.h"
#include "message/message.h"
#include "message/seven_bit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add(void *context, struct slice piece)
{
	buf_add_slice(context, piece);
	return 0;
}

static void same_body(const struct message_part *a, struct slice in, const struct message_part *b,
	struct slice out)
{
	AUTO(buf_free) struct buf before = BUF(SIZE_MAX), after = BUF(SIZE_MAX);
	message_decode_body(a, in, &before);
	message_decode_body(b, out, &after);
	/* At the message's end a line end may be added. */
	must(slice_starts(buf_slice(&after), buf_slice(&before)) && after.len <= before.len + 2);
}

static void same(const struct message_part *a, struct slice in, const struct message_part *b,
	struct slice out)
{
	bool global = slice_eq_nocase(a->type, SLICE("message")) && a->kind == MESSAGE_RFC822 &&
		      b->kind == MESSAGE_LEAF;
	must(slice_eq_nocase(a->type, b->type) && slice_eq_nocase(a->subtype, b->subtype));
	must(a->kind == b->kind || global);
	if (a->kind == MESSAGE_LEAF || global) {
		same_body(a, in, b, out);
		return;
	}
	must(a->child_count == b->child_count);
	const struct message_part *p = a->first_child, *q = b->first_child;
	for (; p && q; p = p->next, q = q->next)
		same(p, in, q, out);
	must(!p && !q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum message_transport transport = data[0] & 1 ? MESSAGE_SEVEN_BIT : MESSAGE_EIGHT_BIT;
	struct slice in = slice(data + 1, size - 1);
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	(void)message_headers_are_ascii(in);
	if (message_convert(in, transport, add, &out) != 0)
		return 0;
	if (transport == MESSAGE_SEVEN_BIT)
		must(!message_octets(buf_slice(&out)).eight_bit);
	same(message_parse(in, &arena), in, message_parse(buf_slice(&out), &arena),
		buf_slice(&out));
	return 0;
}
