/* What the folder's files share of OpenSSL. */
#ifndef ACME_KEY_INTERNAL_H
#define ACME_KEY_INTERNAL_H

#include "acme/key.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

EVP_PKEY *acme_key_handle(const struct acme_key *key);
/* Fills *err with `text` and the oldest error of this thread's OpenSSL queue, and empties that. */
int acme_ssl_error(struct err *err, const char *text);
/* "DNS:a,DNS:b" as an extension; NULL: it can't be made. `names` are host names. */
X509_EXTENSION *acme_alt_names(const char *const *names, size_t count);
/* A host name and nothing else: it becomes part of the little language of extensions. */
bool acme_is_host(const char *name);
/* Appends a key as PEM. */
bool acme_write_key(EVP_PKEY *key, struct buf *to);
void acme_add_bio(struct buf *to, BIO *bio);

#endif
