/* What the TLS layer needs of the certificates' place, and what its parts share. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include "net/layer.h"
#include "net/tls.h"

#include <openssl/ssl.h>

/* The certificates that were in a slot at one moment; counted references, never changed. */
struct net_tls_set;
/* NULL while the slot is empty. */
struct net_tls_set *net_tls_slot_take(struct net_tls_slot *slot);
void net_tls_set_unref(struct net_tls_set *set); /* NULL is fine */
/* Where every handshake begins; SNI may switch it to another context of the set. */
SSL_CTX *net_tls_set_context(struct net_tls_set *set);

/* Certificate and key into a context. */
int net_tls_context_load(SSL_CTX *context, const struct net_tls_certificate *certificate,
	struct err *err) WARN_UNUSED;

/* tls_challenge.c: for SSL_CTX_set_client_hello_cb(); of a connection whose slot answers. */
int net_tls_challenge_hello(SSL *ssl, const struct net_tls_challenges *challenges, int *ret_alert);
/* NULL: the slot answers none. */
const struct net_tls_challenges *net_tls_slot_challenges(const struct net_tls_slot *slot);

/* Fills *err with `text` and the oldest error of this thread's OpenSSL queue, and empties the
 * queue; returns -1. */
int net_tls_error(struct err *err, enum err_class class, const char *text);
/* Settings that both halves share. */
void net_tls_context_common(SSL_CTX *context);

/* tls_key.c: a key in place of certificates. Contexts borrow it: who made one holds the key as
 * long, and each connection of it too. */
struct net_tls_key;
int net_tls_key_new(struct slice identity, struct slice key, struct net_tls_key **ret_key,
	struct err *err) WARN_UNUSED;
void net_tls_key_unref(struct net_tls_key *key); /* the last one wipes it; NULL is fine */
SSL_CTX *net_tls_key_server(struct net_tls_key *key);
SSL_CTX *net_tls_key_client(struct net_tls_key *key);
/* A reference to the key of this connection's context; NULL: it has certificates. */
WARN_UNUSED struct net_tls_key *net_tls_key_take(const SSL *ssl);
/* What this thread's OpenSSL queue says of the keys after a failed handshake; NULL: it is about
 * something else. */
const char *net_tls_key_failure(const SSL *ssl);

/* layer_tls.c: a layer for a client, whose SSL the caller sets up further. NULL on failure. */
SSL *net_tls_begin(SSL_CTX *context, struct net_layer *below, struct net_layer **ret_layer,
	struct err *err) WARN_UNUSED;
/* layer_tls.c: what OpenSSL would write to a key log. */
void net_tls_on_secret(const SSL *ssl, const char *line);
/* layer_tls.c: a client's first message, before anything in it counts. */
int net_tls_on_hello(SSL *ssl, int *ret_alert, void *context);

/* tls_handover.c: what the records need, collected while a handshake is under way. */
struct tls_handover;
struct tls_handover *tls_handover_new(bool is_client);
void tls_handover_free(struct tls_handover *handover); /* wipes; NULL is fine */
void tls_handover_secret(struct tls_handover *handover, const char *line);
/* OpenSSL wrote a record. It tells our side's secret when the last one under the handshake's keys
 * is written, so those from then on are counted. */
void tls_handover_record(struct tls_handover *handover);
/* The layer that goes on, `below` under it, or NULL: this connection stays with OpenSSL (TLS 1.2).
 * `input` was read from below and not given to OpenSSL. */
struct net_layer *tls_handover_finish(struct tls_handover *handover, SSL *ssl, struct slice input,
	struct net_layer *below) WARN_UNUSED;

/* tls_info.c: what a finished handshake came to; freed with free(). */
struct net_tls_info *net_tls_info_new(SSL *ssl);

/* layer_record.c: what a finished TLS 1.3 handshake hands on. */
struct net_records_start {
	unsigned suite;                     /* the cipher suite's number */
	struct slice in_secret, out_secret; /* application traffic secrets, number 0 */
	uint64_t records_written;           /* with out_secret */
	bool is_client;                     /* the server's tickets are dropped */
	struct slice input;                 /* read from below, not looked at yet */
	struct net_tls_info *info;          /* owned by the layer when it is made */
};
/* Owns `below` then. NULL when the cipher suite is none that it knows. */
struct net_layer *net_records_new(const struct net_records_start *start, struct net_layer *below);

#endif
