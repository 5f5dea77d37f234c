/* A private key that signs: made, read, written, and what its domain has to publish. */
#ifndef FILTER_DKIM_SECRET_H
#define FILTER_DKIM_SECRET_H

#include "base/buf.h"
#include "base/err.h"
#include "filter/digest.h"
#include "filter/dkim.h"

struct filter_dkim_secret; /* may be used by several threads at once */

enum {
	FILTER_DKIM_PEM_MAX = 16384,  /* bytes of a private key as text */
	FILTER_DKIM_NEW_RSA = 2048,   /* bits of a new RSA key (RFC 8301 section 3.2) */
	FILTER_DKIM_SIGNED_MAX = 512, /* bytes of a signature: RSA with 4096 bits */
};

/* A new one. RSA takes a tenth of a second of computing, in which the thread is lent (base/wait.h).
 * The caller frees it. */
int filter_dkim_secret_new(enum filter_dkim_algorithm algorithm,
	struct filter_dkim_secret **ret_secret, struct err *err) WARN_UNUSED;
/* From PEM without a password, PKCS #8 or the older form of RSA. ERR_PERMANENT: not a key, or none
 * for DKIM (RSA with 1024 to 4096 bits, Ed25519). */
int filter_dkim_secret_read(
	struct slice pem, struct filter_dkim_secret **ret_secret, struct err *err) WARN_UNUSED;
void filter_dkim_secret_free(struct filter_dkim_secret *secret); /* NULL is fine */

/* Appends PEM (PKCS #8). It is secret: the caller overwrites it when done. */
int filter_dkim_secret_write(
	const struct filter_dkim_secret *secret, struct buf *to, struct err *err) WARN_UNUSED;
/* Appends the text of the TXT record for SELECTOR._domainkey.DOMAIN: "v=DKIM1; k=…; p=…". */
int filter_dkim_secret_record(
	const struct filter_dkim_secret *secret, struct buf *to, struct err *err) WARN_UNUSED;
/* The same as strings of at most 255 bytes in quotes, as zone files have them (RFC 1035 section 5);
 * for a text without quotes and backslashes. */
void filter_dkim_record_quote(struct slice text, struct buf *to);

enum filter_dkim_algorithm filter_dkim_secret_algorithm(const struct filter_dkim_secret *secret);
/* Signs a hash; *ret_len bytes of ret_signature are it. */
int filter_dkim_secret_sign(const struct filter_dkim_secret *secret,
	const unsigned char hash[FILTER_DIGEST_LEN],
	unsigned char ret_signature[FILTER_DKIM_SIGNED_MAX], size_t *ret_len,
	struct err *err) WARN_UNUSED;

#endif
