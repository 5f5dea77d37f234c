/* Forgotten before and behind: who logs in meanwhile is looked up anew. */
#include "directory/kick.h"

#include "directory/address.h"

unsigned directory_kick(
	struct directory *directory, struct directory_sessions *sessions, struct slice user)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_address address;
	struct directory_user found;
	struct err err;
	struct directory_who who = {.user = user};
	if (directory_address_parse(user, &address))
		who.user = directory_address_slice(&address);
	directory_flush(directory, who.user);
	int r = directory_user(
		directory, who.user, (enum directory_service)0, &arena, &found, &err);
	if (r == 0 || r == DIRECTORY_DENIED)
		who = (struct directory_who){.account = found.account, .user = found.name};
	unsigned count =
		sessions ? directory_sessions_end(sessions, &who, DIRECTORY_KICK_GRACE_MS) : 0;
	directory_flush(directory, who.user);
	return count;
}
