/* TLS by OpenSSL: 1.2 and 1.3, certificates by SNI, replaced while connections go on. Or 1.3 with a
 * key that both ends have. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"

/* One certificate with its key, as PEM text. `names` are host names it is chosen for; none means it
 * is the default. */
struct net_tls_certificate {
	struct slice chain_pem, key_pem;
	const struct slice *names;
	size_t name_count;
};

/* A place that holds the certificates or the key in use. Connections take what is there when they
 * begin their handshake; replacing disturbs none. */
struct net_tls_slot;
struct net_tls_slot *net_tls_slot_new(void);
/* All or nothing: on failure the old ones stay. The first certificate without names, or else the
 * first one, is the default. */
int net_tls_slot_set(struct net_tls_slot *slot, const struct net_tls_certificate *certificates,
	size_t count, struct err *err) WARN_UNUSED;
enum { NET_TLS_KEY_LEN = 32 };
/* Instead of certificates: a key that both ends know, NET_TLS_KEY_LEN random bytes, and its name
 * (`identity`, 1 to 128 bytes, sent in the clear). Only clients with this key under this name get
 * in (net_tls_client_new_key()); by TLS 1.3, with forward secrecy. Both are copied, and the key's
 * copy is wiped when the last connection that began with it needs it no more. */
int net_tls_slot_set_key(struct net_tls_slot *slot, struct slice identity, struct slice key,
	struct err *err) WARN_UNUSED;
/* Empties it: handshakes fail. */
void net_tls_slot_clear(struct net_tls_slot *slot);
void net_tls_slot_free(struct net_tls_slot *slot);
/* Whether a name is ours an authority may look by TLS (tls-alpn-01, RFC 8737): it offers nothing
 * but the protocol "acme-tls/1", and wants to be shown a certificate that was made for it. So any
 * listener with certificates can answer. */
struct net_tls_challenges {
	/* Makes that certificate, as PEM: both texts are freed by the caller. Negative: nobody is
	 * asked about that host, and the handshake fails. Any thread of the loop; may block, not
	 * wait. */
	int (*find)(void *context, const char *host, char **ret_chain_pem, char **ret_key_pem);
	void *context;
};
/* Once, before listeners of the slot serve. */
void net_tls_slot_answer(struct net_tls_slot *slot, const struct net_tls_challenges *challenges);

/* What a server's certificate has to fit where the DNS says it: TLSA records of usage 2 (it is
 * signed by this authority) and 3 (it is this one), RFC 6698 section 2.1. One that fits is enough.
 */
struct net_tls_dane {
	const char *host; /* the TLSA base domain; sent as SNI */
	const struct net_tls_dane_record {
		uint8_t usage, selector, matching;
		struct slice data;
	} * records;
	size_t record_count;
	/* With usage 2, the certificate is for `host` or one of these. Usage 3 asks for no name and
	 * no date (RFC 7671 section 5.1). */
	const char *const *references;
	size_t reference_count;
};

/* What is wrong with a server's certificate. */
enum net_tls_trouble {
	NET_TLS_NO_TROUBLE, /* or there is none that could have any */
	NET_TLS_EXPIRED,    /* or not valid yet */
	NET_TLS_OTHER_NAME,
	NET_TLS_UNTRUSTED, /* by no authority that is known, or it fits no TLSA record */
};

struct net_tls_info {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	const char *sni;              /* "" when the client sent none */
	enum net_tls_trouble trouble; /* a client's, as far as it looks for any */
	const char *trouble_words;    /* of OpenSSL, static; NULL: there is none */
	/* Channel binding data for SCRAM-…-PLUS. tls-exporter (RFC 9266) exists with TLS 1.3,
	 * tls-server-end-point (RFC 5929) with both. */
	struct slice exporter, server_end_point;
};

/* A self-signed certificate (ECDSA P-256) for `host`, valid 10 years; both as PEM, freed by the
 * caller. */
int net_tls_self_signed(
	const char *host, char **ret_chain_pem, char **ret_key_pem, struct err *err) WARN_UNUSED;

#endif
