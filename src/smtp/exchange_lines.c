/* MAIL and RCPT as a server takes them: a parameter goes out only where its extension is offered.
 * Every message comes by here, so nothing is printed that can be added. */
#include "smtp/exchange_internal.h"

/* An IP is its own xtext. */
static void write_client(const struct net_address *client, struct buf *to)
{
	uint8_t ignored[16];
	char ip[NET_ADDRESS_TEXT];
	if (!net_address_bytes(client, ignored))
		return;
	net_address_host(client, ip);
	buf_add_str(to, " XADDR=");
	buf_add_str(to, ip);
}

/* For our own store. */
static void write_of_peer(
	const struct smtp_exchange *x, const struct smtp_transaction *t, struct buf *to)
{
	if (x->extensions & SMTP_HAS_XSESSION) {
		buf_add_str(to, " XSESSION=");
		buf_add_str(to, t->session);
	}
	if ((x->extensions & SMTP_HAS_XADDR) && t->client)
		write_client(t->client, to);
	if ((x->extensions & SMTP_HAS_XDELIVERY) && !id_is_none(t->sender.delivery)) {
		char id[ID_TEXT_SIZE + 1];
		id_to_text(t->sender.delivery, id);
		buf_add_str(to, " XDELIVERY=");
		buf_add_str(to, id);
		buf_add_str(to, t->sender.again ? ",again" : "");
	}
}

void smtp_exchange_write_mail(const struct smtp_exchange *x, const struct smtp_transaction *t,
	uint64_t size, struct buf *to)
{
	static const char *const BODIES[] = {"", " BODY=8BITMIME", " BODY=BINARYMIME"};
	const struct envelope_sender *s = &t->sender;
	buf_add_str(to, "MAIL FROM:<");
	buf_add_slice(to, s->path.address);
	buf_add_byte(to, '>');
	if (x->extensions & SMTP_HAS_SIZE && size > 0) {
		buf_add_str(to, " SIZE=");
		buf_add_u64(to, size);
	}
	unsigned body = x->body == ENVELOPE_BINARYMIME ? SMTP_HAS_EIGHT_BIT | SMTP_HAS_BINARY
						       : SMTP_HAS_EIGHT_BIT;
	if (x->extensions & body)
		buf_add_str(to, BODIES[x->body]);
	if ((x->extensions & SMTP_HAS_SMTPUTF8) && x->smtputf8)
		buf_add_str(to, " SMTPUTF8");
	if ((x->extensions & SMTP_HAS_REQUIRETLS) && s->require_tls)
		buf_add_str(to, " REQUIRETLS");
	if ((x->extensions & SMTP_HAS_DSN) && s->ret != ENVELOPE_RET_UNSET)
		buf_add_str(to, s->ret == ENVELOPE_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if ((x->extensions & SMTP_HAS_DSN) && s->envid.len > 0)
		buf_printf(to, " ENVID=%.*s", SLICE_ARG(s->envid));
	if (x->lmtp)
		write_of_peer(x, t, to);
	buf_add_str(to, "\r\n");
}

/* Well-formed UTF-8 (envelope/command.h) as "\x{E9}", for servers with DSN and without SMTPUTF8
 * (RFC 6533 section 3). */
static void write_orcpt_ascii(struct slice orcpt, struct buf *to)
{
	for (size_t i = 0; i < orcpt.len;) {
		unsigned char c = (unsigned char)orcpt.ptr[i++];
		unsigned more = c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		if (c < 0x80) {
			buf_add_byte(to, (char)c);
			continue;
		}
		uint32_t point = c & (0x7fu >> (more + 1));
		for (; more > 0 && i < orcpt.len; more--)
			point = point << 6 | ((unsigned char)orcpt.ptr[i++] & 0x3f);
		buf_printf(to, "\\x{%X}", (unsigned)point);
	}
}

static void write_rcpt(
	const struct smtp_exchange *x, const struct envelope_recipient *r, struct buf *to)
{
	static const char *const NAMES[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
	buf_add_str(to, "RCPT TO:<");
	buf_add_slice(to, r->path.address);
	buf_add_byte(to, '>');
	if ((x->extensions & SMTP_HAS_DSN) && r->notify) {
		const char *gap = " NOTIFY=";
		for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
			if (r->notify & 1u << i) {
				buf_printf(to, "%s%s", gap, NAMES[i]);
				gap = ",";
			}
	}
	if ((x->extensions & SMTP_HAS_DSN) && r->orcpt.len > 0) {
		buf_add_str(to, " ORCPT=");
		if (x->smtputf8 && (x->extensions & SMTP_HAS_SMTPUTF8))
			buf_add_slice(to, r->orcpt);
		else
			write_orcpt_ascii(r->orcpt, to);
	}
	buf_add_str(to, "\r\n");
}

void smtp_exchange_write_rcpts(const struct smtp_exchange *x, const struct smtp_transaction *t,
	size_t at, size_t end, struct buf *to)
{
	for (; at < end; at++)
		if (t->recipients[at]->result >= 0)
			write_rcpt(x, &t->recipients[at]->envelope, to);
}
