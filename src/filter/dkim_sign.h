/* Signs a message, by one key or by several (RFC 8463 section 5 wants RSA beside Ed25519). */
#ifndef FILTER_DKIM_SIGN_H
#define FILTER_DKIM_SIGN_H

#include "filter/dkim_draft.h"

/* Appends one DKIM-Signature field a signer, relaxed/relaxed, to stand in front of the message as
 * it is (message->added first). `now` is in seconds since 1970, they expire after `lifetime`
 * seconds; 0: never. Long bodies give way (base/wait.h). On failure `to` has what it had. */
int filter_dkim_sign(const struct filter_message *message, const struct filter_dkim_signer *signers,
	size_t count, int64_t now, int64_t lifetime, struct buf *to, struct err *err) WARN_UNUSED;

#endif
