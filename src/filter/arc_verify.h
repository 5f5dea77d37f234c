/* Validates the chain of a message (RFC 8617 section 5.2). */
#ifndef FILTER_ARC_VERIFY_H
#define FILTER_ARC_VERIFY_H

#include "dns/dns.h"
#include "filter/arc.h"
#include "filter/dkim_hash.h"

struct filter_arc_result {
	enum filter_arc_status status;
	const char *reason; /* of FAIL, "" otherwise; lies in the arena */
	bool temporary;     /* of FAIL: a key can't be had now; later it may be PASS */
	/* The sets, newest last. With PASS: sets[count - 1].seal.domain has sealed the message as
	 * it is, and `text` of every set is what its sealer had found. Whom to trust is for the
	 * caller. */
	struct filter_arc_chain chain;
};

/* Asks `dns` for the keys, one a set and one more, and may wait, by the rules of base/wait.h.
 * `now`: seconds since 1970. The message and the arena live as long as the result. */
void filter_arc_verify(const struct filter_message *message, struct dns *dns, int64_t now,
	struct arena *arena, struct filter_arc_result *ret_result);

#endif
