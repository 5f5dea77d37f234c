/* Puts the next set onto a message's chain (RFC 8617 section 5.1), before it is passed on. */
#ifndef FILTER_ARC_SEAL_H
#define FILTER_ARC_SEAL_H

#include "filter/arc_verify.h"
#include "filter/dkim_draft.h"

enum { FILTER_ARC_NOT_SEALED = 1 }; /* positive outcome */

/* Appends the three fields that shall stand in front of the message as it is (message->added
 * first), which may have been changed since it came. `came` is what was found of the chain when it
 * did: the sets in it are those that the message still has. `results` is the value of an
 * Authentication-Results field, maybe folded: "mx.example.org; spf=pass …".
 *
 * FILTER_ARC_NOT_SEALED: the chain has ended, has as many sets as can be, or could not be told now
 * (a seal would end it for good); nothing is appended.
 * ERR_PERMANENT: a line of `results` is no fold. */
int filter_arc_seal(const struct filter_message *message, const struct filter_arc_result *came,
	const struct filter_dkim_signer *signer, struct slice results, int64_t now, struct buf *to,
	struct err *err) WARN_UNUSED;

#endif
