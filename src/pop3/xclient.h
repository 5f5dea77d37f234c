/* XCLIENT as Dovecot has it in POP3: who the client is for whom a front end speaks. Pure. */
#ifndef POP3_XCLIENT_H
#define POP3_XCLIENT_H

#include "net/origin.h"

/* "ADDR=192.0.2.1 PORT=40000 SESSION=abc TTL=5", and DESTADDR, DESTPORT; names that are not known
 * are passed over, as front ends add new ones. False: no NAME=value, or the same name twice. */
WARN_UNUSED bool pop3_parse_xclient(struct slice arguments, struct net_origin_words *ret_words);

#endif
