/* Ending all that a user has open on this node, and forgetting what is remembered of him. */
#ifndef DIRECTORY_KICK_H
#define DIRECTORY_KICK_H

#include "directory/directory.h"
#include "directory/sessions.h"

enum { DIRECTORY_KICK_GRACE_MS = 2000 }; /* for his sessions, before they are cut */

/* Waits for his sessions (base/wait.h). `sessions` NULL: none are known. Who the directory can't
 * tell about may be logged in all the same, so he is known by his name then. Returns how many
 * sessions there were. */
unsigned directory_kick(
	struct directory *directory, struct directory_sessions *sessions, struct slice user);

#endif
