/* The Authenticated Received Chain of a message (RFC 8617 section 4): sets of three fields, each
 * with its instance number, that the relays on its way have put in front. Pure. */
#ifndef FILTER_ARC_H
#define FILTER_ARC_H

#include "filter/dkim_signature.h"

struct filter_arc_set {
	struct message_field results;      /* ARC-Authentication-Results */
	struct message_field message;      /* ARC-Message-Signature */
	struct message_field seal_field;   /* ARC-Seal */
	struct filter_dkim_signature seal; /* read; `domain` is who sealed */
	struct slice text;                 /* behind "i=N;" in `results`, trimmed */
};

/* What one verifier may say of a chain; also the words of "arc=" in Authentication-Results. */
enum filter_arc_status { FILTER_ARC_NONE, FILTER_ARC_PASS, FILTER_ARC_FAIL };
const char *filter_arc_status_word(enum filter_arc_status status);

struct filter_arc_chain {
	struct filter_arc_set *sets; /* instance 1 first; whole when the status is PASS */
	unsigned count;
	unsigned highest; /* instance number seen in any field */
	bool ended;       /* the newest seal says that the chain had failed before: no more sets */
	const char *reason; /* of FAIL; one line */
};

/* Collects the sets and looks at their structure (section 5.2 step 3): one field of each kind an
 * instance, no gaps, at most FILTER_ARC_INSTANCES_MAX, states of the chain that fit, seals that can
 * be read. NONE: there are no fields of ARC. PASS: only as to that. */
WARN_UNUSED enum filter_arc_status filter_arc_collect(
	struct slice header, struct arena *arena, struct filter_arc_chain *ret_chain);

/* What a seal signs of a whole set (section 5.1.1). */
void filter_arc_hash_set(const struct filter_arc_set *set, struct filter_digest *digest);

#endif
