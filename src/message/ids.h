/* Message ids out of Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4), for
 * threading. */
#ifndef MESSAGE_IDS_H
#define MESSAGE_IDS_H

#include "base/arena.h"
#include "base/slice.h"

/* Cuts the next id off the front of *value (raw or unfolded). It comes without its angles, without
 * white space, and with needless quotes removed (RFC 5256 section 2.2 compares ids so); borrowed
 * unless something had to go. What is not "<left@right>" is passed over. False at the end. */
WARN_UNUSED bool message_next_id(struct slice *value, struct arena *arena, struct slice *ret_id);

#endif
