/* Where mailboxes live, as LMTP servers: a table of places, each with its connections.
 *
 * A place is known by its name: "" is our own store, the servers of the config; else it is a host,
 * "host:port", or several of these with commas between, which are copies of each other. It is made
 * when it is first asked for, and goes when nobody has used it for a while. Thread-safe. */
#ifndef SMTP_PLACES_H
#define SMTP_PLACES_H

#include "base/arena.h"
#include "net/together.h"
#include "smtp/client.h"

struct smtp_places;
struct smtp_place;

enum { SMTP_PLACE_NAME_MAX = 255 };

struct smtp_places_options {
	const char *const *own; /* servers of our own store, as net/remote.h has them */
	size_t own_count;
	const char *hostname;     /* ours: for LHLO; a place of that name is our own store */
	const char *const *names; /* and those of these names; borrowed */
	size_t name_count;
	const char *ca_file; /* who vouches for servers with TLS; NULL: the system's */
	uint16_t port;       /* of a host without one */
	bool tls;            /* to other places: STARTTLS */
	unsigned timeout_ms;
	size_t places_max; /* beside our own; 0: 4,096 */
	int64_t keep_ms;   /* unused; 0: 5 minutes */
};
/* Errors: permanent, a server that is none, authorities that can't be read. */
int smtp_places_new(const struct smtp_places_options *options, struct smtp_places **ret_places,
	struct err *err) WARN_UNUSED;
void smtp_places_free(struct smtp_places *places); /* when nobody has one; NULL is fine */

/* A host or a list of hosts, as a directory has it, as the name of a place: in lower case, without
 * spaces, "" when it is this node; in the arena. Temporary: it is none, be it for a mistake in the
 * directory, for which no mail is to be lost. */
int smtp_places_name(const struct smtp_places *places, struct slice host, struct arena *arena,
	struct slice *ret_name, struct err *err) WARN_UNUSED;
/* By its name; until smtp_places_give(). Temporary: there are too many. */
int smtp_places_take(struct smtp_places *places, struct slice name, struct smtp_place **ret_place,
	struct err *err) WARN_UNUSED;
void smtp_places_give(struct smtp_places *places, struct smtp_place *place);
/* Places that are not used any more go; to be called now and then. */
void smtp_places_keep_house(struct smtp_places *places);
size_t smtp_places_count(struct smtp_places *places); /* beside our own */

/* For those who send to several places at once. */
struct net_together *smtp_places_together(struct smtp_places *places);

struct smtp_client_pool *smtp_place_pool(struct smtp_place *place);
/* It did not answer: for two seconds nobody need try; then one tries, and the others wait for what
 * he finds. */
void smtp_place_set_away(struct smtp_place *place);
void smtp_place_set_here(struct smtp_place *place);
/* False also for the one who is to try. */
WARN_UNUSED bool smtp_place_is_away(struct smtp_place *place);

#endif
