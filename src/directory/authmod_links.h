/* Connections to the servers of one authmod directory. Idle ones are kept; so many are used at once
 * and no more; a server that does not answer is passed over for a while. Any thread. */
#ifndef DIRECTORY_AUTHMOD_LINKS_H
#define DIRECTORY_AUTHMOD_LINKS_H

#include "directory/authmod.h"

struct directory_authmod_links;
struct directory_authmod_server;

/* Errors: an address that is none, certificates that can't be read; permanent. */
int directory_authmod_links_new(const struct directory_authmod_options *options,
	struct directory_authmod_links **ret_links, struct err *err) WARN_UNUSED;
void directory_authmod_links_free(struct directory_authmod_links *links); /* NULL is fine */

/* A place among those who ask at once, waited for until `deadline`, clock_mono_ms(). Negative:
 * temporary. */
int directory_authmod_links_enter(
	struct directory_authmod_links *links, int64_t deadline, struct err *err) WARN_UNUSED;
void directory_authmod_links_leave(struct directory_authmod_links *links);

/* Whom to ask next: those that are not passed over first, in the order of the options. `tried` has
 * a bit for each one that was picked, none at first. NULL behind the last one. */
struct directory_authmod_server *directory_authmod_links_pick(
	struct directory_authmod_links *links, unsigned *tried);
bool directory_authmod_links_are_several(const struct directory_authmod_links *links);
/* An idle connection, or a new one; `fresh`: a new one. */
int directory_authmod_links_take(struct directory_authmod_links *links,
	struct directory_authmod_server *server, bool fresh, struct net_client **ret_client,
	struct err *err) WARN_UNUSED;
/* Keeps it for the next one. */
void directory_authmod_links_give(struct directory_authmod_links *links,
	struct directory_authmod_server *server, struct net_client *client);
/* It did not answer: it is passed over for a while. */
void directory_authmod_links_failed(struct directory_authmod_server *server);
const char *directory_authmod_server_name(const struct directory_authmod_server *server);

#endif
