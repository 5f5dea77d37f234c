/* Address lists of RFC 5322 section 3.4 with the obsolete forms, and of RFC 6532. Never fails: what
 * can't be read becomes an address whose mailbox is what was there. */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "base/arena.h"
#include "base/slice.h"

struct message_address {
	struct slice name;  /* raw phrase, quotes and comments removed, encoded words as written */
	struct slice route; /* obsolete source route, "@a,@b"; empty nearly always */
	struct slice
		mailbox; /* local part, unquoted; for a group start its name; ptr NULL: group end */
	struct slice host; /* domain; ptr NULL for group start and end (RFC 9051 ENVELOPE) */
	struct message_address *next;
};

enum { MESSAGE_ADDRESSES_MAX = 10000 };

struct message_address *message_parse_addresses(
	struct slice value, struct arena *arena) WARN_UNUSED;

#endif
