/* Mail for mailboxes of ours: at which place they are, as the directory says (tohost), and how what
 * waits in the queue gets there. */
#ifndef ROLES_MX_LOCAL_H
#define ROLES_MX_LOCAL_H

#include "directory/directory.h"
#include "queue/queue.h"
#include "roles/role.h"
#include "smtp/route.h"

enum { MX_TARGETS_MAX = 20000 }; /* mailboxes of one message that are named one by one */

struct mx_local {
	struct directory *directory; /* borrowed */
	struct smtp_places *places;
	struct net_loop *loop;
	char default_place[SMTP_PLACE_NAME_MAX + 1]; /* of who has no host; "": our own store */
	char separator;                              /* of user and detail; '\0': there is none */
};

/* Errors: servers, hosts or authorities of the config that are none; permanent. */
int mx_local_init(struct mx_local *local, struct role *role, struct directory *directory,
	struct err *err) WARN_UNUSED;
void mx_local_deinit(struct mx_local *local);

/* Where mail for `address` goes, of which `route` was found. When all live at one place it is named
 * there as it was said; else each of them by his own address, with the detail. In the arena.
 * Temporary: the directory has no host there. */
int mx_local_route(struct mx_local *local, const struct directory_route *route,
	struct slice address, struct arena *arena, struct smtp_destinations *ret_destinations,
	struct err *err) WARN_UNUSED;

/* As struct queue_transport has it, for destinations of ours. */
struct mx_local_peer;
int mx_local_open(struct mx_local *local, struct slice place, struct mx_local_peer **ret_peer,
	struct err *err) WARN_UNUSED;
int mx_local_send(
	struct mx_local_peer *peer, struct queue_delivery *delivery, struct err *err) WARN_UNUSED;
void mx_local_close(struct mx_local_peer *peer);
int mx_local_place(struct mx_local *local, const struct queue_entry *entry,
	char ret_place[QUEUE_PLACE_MAX + 1], struct err *err) WARN_UNUSED;

#endif
