/* What the TLS layer needs of the certificates' place. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include "net/tls.h"

#include <openssl/ssl.h>

/* The certificates that were in a slot at one moment; counted references, never changed. */
struct net_tls_set;
/* NULL while the slot is empty. */
struct net_tls_set *net_tls_slot_take(struct net_tls_slot *slot);
void net_tls_set_unref(struct net_tls_set *set); /* NULL is fine */
/* Where every handshake begins; SNI may switch it to another context of the set. */
SSL_CTX *net_tls_set_context(struct net_tls_set *set);

/* Fills *err with `text` and the oldest error of this thread's OpenSSL queue, and empties the
 * queue; returns -1. */
int net_tls_error(struct err *err, enum err_class class, const char *text);
/* Settings that both halves share. */
void net_tls_context_common(SSL_CTX *context);

#endif
