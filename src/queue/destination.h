/* Where entries wait together: the name of a destination in the schedule. "" is our own store,
 * "store2.example.org:24 lmtp" the back end where users live whom the directory has there;
 * elsewhere it is the recipient's domain in lower case and A-labels, without a final dot. What
 * needs another connection than the rest of a domain's mail has a name of its own: behind the
 * domain and a space stands what is special about it, "example.org requiretls". Pure. */
#ifndef QUEUE_DESTINATION_H
#define QUEUE_DESTINATION_H

#include "queue/entry.h"

enum { QUEUE_DESTINATION_MAX = ENVELOPE_DOMAIN_MAX + 16 };

/* In `room`, or a constant. */
struct slice queue_destination_of(
	const struct queue_entry *entry, char room[QUEUE_DESTINATION_MAX]);

/* A store or back end of ours; *ret_place is its name there, "" for our own store. */
bool queue_destination_is_local(struct slice name, struct slice *ret_place);

enum queue_tls {
	QUEUE_TLS_AS_POLICY, /* as the domain's policies have it */
	QUEUE_TLS_REQUIRED,  /* REQUIRETLS (RFC 8689) */
	QUEUE_TLS_WAIVED,    /* "TLS-Required: No" (the same) */
};
/* The domain, and how mail under that name goes. */
enum queue_tls queue_destination_read(struct slice name, struct slice *ret_domain);
/* The name of a domain's mail that goes so; as queue_destination_of(). `domain` is canonical. */
struct slice queue_destination_with(
	struct slice domain, enum queue_tls tls, char room[QUEUE_DESTINATION_MAX]);

#endif
