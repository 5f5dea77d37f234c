/* A server of another maker, that knows check and lookup only: domains are told by the config,
 * whoever forwards is a user, plus addressing is ours, and the account of a user comes from his
 * canonical address (directory/account.h). */
#ifndef DIRECTORY_AUTHMOD_OTHER_H
#define DIRECTORY_AUTHMOD_OTHER_H

#include "directory/authmod.h"

/* `inner` asks the server; it is the new one's from now on. */
struct directory *directory_authmod_other_new(
	const struct directory_authmod_options *options, struct directory *inner);

#endif
