/* Giving up what a role does not need: its user, then file system and network by Landlock, system
 * calls by seccomp. What the kernel does not have is said, not fatal. */
#ifndef ROLES_SANDBOX_H
#define ROLES_SANDBOX_H

#include "base/err.h"

#include <sys/types.h>

struct sandbox_user {
	uid_t uid;
	gid_t gid;
	bool change; /* we are root, and shall not stay it */
};

/* By name or number. "" or our own: no change. ERR_ABSENT: there is no such user; the text says how
 * to make it. */
int sandbox_find_user(const char *name, struct sandbox_user *ret_user, struct err *err) WARN_UNUSED;
/* The folder, made when missing, belonging to the user. */
int sandbox_folder(const char *path, const struct sandbox_user *user, unsigned mode,
	struct err *err) WARN_UNUSED;
int sandbox_drop(const struct sandbox_user *user, struct err *err) WARN_UNUSED;

struct sandbox_network {
	uint16_t port;         /* to listen on and connect to; 0: none */
	const uint16_t *peers; /* to connect to besides; 0 is none */
	size_t peer_count;
	bool connects; /* to any port */
};
/* From here on the process and its threads may only write below `writable` and read what a program
 * needs of the system; it may open no listener and no TCP connection any more but those of
 * `network`. Returns what is on, as text: "landlock seccomp". */
const char *sandbox_confine(
	const char *const *writable, size_t count, const struct sandbox_network *network);

#endif
