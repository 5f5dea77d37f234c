/* The callbacks that sasl/sasl.h wants, answered by a directory. */
#ifndef DIRECTORY_SASL_H
#define DIRECTORY_SASL_H

#include "directory/directory.h"

struct directory_sasl {
	struct directory *directory;
	enum directory_service service;
	char client[64];            /* IP as text */
	struct arena *arena;        /* where `user` lies */
	bool may_act;               /* masters may log in here as a user: by PLAIN, as authcid */
	bool by_master;             /* one tries to */
	struct directory_user user; /* filled when the exchange is done */
	struct slice master;        /* who did it; empty: the user himself */
	struct err denied;          /* why, when right but not allowed */
};
/* Acting for another (authzid) is for masters. */
struct sasl_callbacks directory_sasl_callbacks(struct directory_sasl *asked);

#endif
