/* A directory for the tests of other folders: users from an array, and "can't tell now" on demand.
 * Passwords are compared as they are. Not for production, and linked only by tests. */
#ifndef DIRECTORY_FAKE_H
#define DIRECTORY_FAKE_H

#include "directory/directory.h"

struct directory_fake_user {
	const char *name;     /* "ann@example.org", canonical; borrowed, as all below */
	const char *password; /* NULL: none */
	/* Names of users, "," between, or of nobody, which are elsewhere: then this is an alias;
	 * NULL: a user. */
	const char *alias_of;
	struct directory_user user; /* `name`, `domain` are filled in; services 0: all */
};

/* The array is borrowed and may be changed between calls. The domains of the users are ours. A
 * "+detail" is cut off. */
struct directory *directory_fake_new(const struct directory_fake_user *users, size_t count);
/* From now on (or no longer) every answer is ERR_TEMPORARY. */
void directory_fake_set_dead(struct directory *directory, bool dead);
/* How many questions have been asked. */
unsigned directory_fake_calls(struct directory *directory);

#endif
