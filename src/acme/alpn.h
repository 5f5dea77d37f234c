/* The certificate that answers tls-alpn-01 (RFC 8737 section 3). */
#ifndef ACME_ALPN_H
#define ACME_ALPN_H

#include "base/buf.h"
#include "base/err.h"

/* Makes one for `host` that shows the digest of `key_authorization`; self-signed, with a key of its
 * own, both as PEM, each ended by NUL (buf_cstr()). ERR_BAD_INPUT: `host` is no host name. */
int acme_alpn_certificate(const char *host, struct slice key_authorization, struct buf *ret_chain,
	struct buf *ret_key, struct err *err) WARN_UNUSED;

#endif
