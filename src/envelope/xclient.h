/* Postfix's XCLIENT command, with what Dovecot added: who the client is for whom a front end
 * speaks. Pure. */
#ifndef ENVELOPE_XCLIENT_H
#define ENVELOPE_XCLIENT_H

#include "base/arena.h"
#include "base/buf.h"

enum envelope_xclient_attribute {
	ENVELOPE_XCLIENT_NAME,
	ENVELOPE_XCLIENT_ADDR,
	ENVELOPE_XCLIENT_PORT,
	ENVELOPE_XCLIENT_PROTO,
	ENVELOPE_XCLIENT_HELO,
	ENVELOPE_XCLIENT_LOGIN,
	ENVELOPE_XCLIENT_DESTADDR,
	ENVELOPE_XCLIENT_DESTPORT,
	ENVELOPE_XCLIENT_REVERSE_NAME,
	ENVELOPE_XCLIENT_SESSION,    /* Dovecot's: the front end's id of its session */
	ENVELOPE_XCLIENT_TTL,        /* the same: how many front ends there may still be */
	ENVELOPE_XCLIENT_ATTRIBUTES, /* how many there are */
};
/* All of them, a space between, as EHLO offers them. */
#define ENVELOPE_XCLIENT_OFFER                                                                     \
	"NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME SESSION TTL"

struct envelope_xclient {
	struct {
		bool given;
		struct slice text; /* xtext undone; empty: [UNAVAILABLE] or [TEMPUNAVAIL] */
	} is[ENVELOPE_XCLIENT_ATTRIBUTES];
};
/* "NAME=mail.example.org ADDR=IPV6:2001:db8::1": the text of addresses is the bare IP then. Texts
 * lie in `arena`, and have no control characters. False: an attribute is unknown, malformed or
 * given twice, or there is none. */
WARN_UNUSED bool envelope_parse_xclient(
	struct slice arguments, struct arena *arena, struct envelope_xclient *ret_xclient);

/* The other half. What EHLO offered ("ADDR PORT …"): a bit (1 << attribute) for each that is known
 * here. */
WARN_UNUSED unsigned envelope_xclient_offered(struct slice attributes);
/* Appends " ADDR=IPV6:2001:db8::1 PORT=25": of `texts`, which are by attribute and as in struct
 * envelope_xclient, those that are offered and not empty; as xtext. */
void envelope_write_xclient(
	const struct slice texts[ENVELOPE_XCLIENT_ATTRIBUTES], unsigned offered, struct buf *to);

#endif
