/* A process of its own that starts a program anew for each connection to a Unix socket, as its
 * standard input and output. So a role that may start no programs once it is confined has some: it
 * connects, and closes the connection of one that it is tired of, which ends the program.
 *
 * It is forked before the role is confined, as the role's user, and ends with the role. */
#ifndef ROLES_DIRECTORY_LAUNCHER_H
#define ROLES_DIRECTORY_LAUNCHER_H

#include "roles/sandbox.h"

struct launcher_options {
	const char *command; /* whole path and arguments, blanks between; "…" for words
				with blanks */
	const char *socket;  /* path */
	unsigned programs;   /* at once; further connections wait */
	const struct sandbox_user *user; /* whose the socket is and who the programs are */
};

/* In a process without other threads. Errors, all permanent: there is no such program, the command
 * can't be read, the socket can't be made. */
int launcher_start(
	const struct launcher_options *options, pid_t *ret_launcher, struct err *err) WARN_UNUSED;
/* Whether it still runs. */
WARN_UNUSED bool launcher_lives(pid_t launcher);

/* Splits a command into words, in place; NULL behind the last one. False: too many, or a quote that
 * does not end. Pure. */
enum { LAUNCHER_WORDS_MAX = 64 };
WARN_UNUSED bool launcher_split(char *command, char *ret_words[LAUNCHER_WORDS_MAX + 1]);

#endif
