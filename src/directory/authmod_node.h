/* Another node of ours that is told something by the authmod protocol: that a user is kicked, that
 * what is remembered is to be forgotten. Any thread; a call blocks for the options' time-out, and
 * for connecting. */
#ifndef DIRECTORY_AUTHMOD_NODE_H
#define DIRECTORY_AUTHMOD_NODE_H

#include "directory/authmod.h"

struct directory_authmod_node;
/* Of a directory's options: one server, `ca_file`, `secret`, `timeout_ms`. Errors, permanent: the
 * server's address is none, certificates can't be read. */
int directory_authmod_node_new(const struct directory_authmod_options *options,
	struct directory_authmod_node **ret_node, struct err *err) WARN_UNUSED;
void directory_authmod_node_free(struct directory_authmod_node *node); /* NULL is fine */
const char *directory_authmod_node_name(const struct directory_authmod_node *node);

/* His sessions there end. Negative: it did not hear, or would not. */
int directory_authmod_node_kick(struct directory_authmod_node *node, struct slice user,
	unsigned *ret_sessions, struct err *err) WARN_UNUSED;
/* It forgets what is remembered of him, "": of all. */
int directory_authmod_node_flush(
	struct directory_authmod_node *node, struct slice user, struct err *err) WARN_UNUSED;

#endif
