/* Sending what an item of FETCH consists of, in pieces: a range of the message's bytes, bytes made
 * for the item, or a kept form. A client that reads slowly gets the next piece when its output has
 * drained. What is held for it meanwhile counts against a sum for all clients; where that does not
 * reach, it is given back and made again. */
#include "imap/fetch_internal.h"

enum {
	PIECE = 64 * 1024,
	AT_ONCE = 16 * 1024, /* forms of no more are not worth pieces */
	HELD_MAX = 32 * 1024 * 1024,
};

bool imap_fetch_hold(struct imap_service *service, size_t bytes)
{
	size_t before = atomic_fetch_add_explicit(&service->held, bytes, memory_order_relaxed);
	if (bytes == 0 || before + bytes <= HELD_MAX)
		return true;
	imap_fetch_release(service, bytes);
	return false;
}

void imap_fetch_release(struct imap_service *service, size_t bytes)
{
	(void)atomic_fetch_sub_explicit(&service->held, bytes, memory_order_relaxed);
}

static struct slice kept_form(
	const struct imap_fetch_message *m, const struct imap_fetch_item *item)
{
	return item->kind == IMAP_FETCH_ENVELOPE ? m->forms.envelope : m->forms.structure;
}

/* Positive: the message is gone. */
static int add_piece(struct imap_session *s, const struct imap_fetch_message *m,
	struct imap_sending *sending, struct err *err)
{
	struct imap_content *c = &sending->content;
	size_t n = (size_t)MIN(c->len, (uint64_t)PIECE);
	struct buf *out = imap_out(s);
	size_t before = out->len;
	int r = 0;
	if (sending->kept)
		buf_add_slice(out, slice_sub(kept_form(m, sending->item), (size_t)c->from, n));
	else if (c->own)
		buf_add(out, c->bytes.data + c->from, n);
	else
		r = mail_message_read(imap_mail(s), m->facts->blob, c->from, n, out, err);
	if (r == 0 && out->len - before != n)
		r = err_temporary(err, ERR_DAMAGED, "the message is shorter than it should be");
	c->from += n;
	c->len -= n;
	return r;
}

/* The size, and the first piece: most of what can't be read is noticed before it is announced. */
static int announce(struct imap_session *s, const struct imap_fetch_message *m,
	struct imap_sending *sending, struct err *err)
{
	struct imap_content *c = &sending->content;
	struct buf *out = imap_out(s);
	size_t before = out->len;
	if (c->binary)
		buf_add_byte(out, '~');
	buf_add_byte(out, '{');
	buf_add_u64(out, c->len);
	buf_add_str(out, "}\r\n");
	int r = c->len > 0 ? add_piece(s, m, sending, err) : 0;
	if (r != 0) {
		out->len = before;
		c->len = 0;
		buf_add_str(out, "NIL");
	}
	return r;
}

static int begin_made(struct imap_session *s, struct imap_fetch_message *m,
	struct imap_sending *sending, struct err *err)
{
	const struct imap_fetch_item *item = sending->item;
	struct imap_content *c = &sending->content;
	struct buf *out = imap_out(s);
	int r = imap_fetch_content(imap_mail(s), m, item, c, err);
	if (r != 0 || c->nil || c->unknown_encoding) {
		buf_add_str(out, item->kind == IMAP_FETCH_BINARY_SIZE ? "0" : "NIL");
		c->len = 0;
		return r;
	}
	if (item->kind == IMAP_FETCH_BINARY_SIZE) {
		buf_add_u64(out, c->len);
		c->len = 0;
	} else if (item->kind != IMAP_FETCH_STRUCTURE) {
		return announce(s, m, sending, err);
	}
	return 0;
}

int imap_send_begin(struct imap_session *s, struct imap_fetch_message *m,
	const struct imap_fetch_item *item, struct imap_sending *sending, struct err *err)
{
	*sending = (struct imap_sending){.item = item};
	if (item->kind != IMAP_FETCH_ENVELOPE && item->kind != IMAP_FETCH_BODYSTRUCTURE)
		return begin_made(s, m, sending, err);
	struct slice form = kept_form(m, item);
	if (form.len <= AT_ONCE) {
		buf_add_slice(imap_out(s), form);
	} else {
		sending->kept = true;
		sending->content.len = form.len;
	}
	return 0;
}

/* The bytes were given back while the client read nothing. */
static int make_again(struct imap_session *s, struct imap_fetch_message *m,
	struct imap_sending *sending, struct err *err)
{
	struct imap_content *c = &sending->content, again;
	int r = imap_fetch_content(imap_mail(s), m, sending->item, &again, err);
	if (r == 0 && again.from + again.len != c->from + c->len)
		r = err_temporary(err, ERR_DAMAGED, "the message is another than before");
	again.from = c->from;
	again.len = c->len;
	*c = again;
	return r;
}

enum imap_run imap_send_on(struct imap_session *s, struct imap_fetch_message *m,
	struct imap_sending *sending, struct err *err)
{
	struct imap_content *c = &sending->content;
	while (c->len > 0) {
		if (net_output_full(s->net))
			return IMAP_WAIT_OUTPUT;
		if (c->own && !c->bytes.data && make_again(s, m, sending, err) != 0)
			return IMAP_CLOSE; /* it was begun: there is no way back */
		if (add_piece(s, m, sending, err) != 0)
			return IMAP_CLOSE;
	}
	buf_free(&c->bytes);
	return IMAP_DONE;
}
