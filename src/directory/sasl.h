/* The callbacks that sasl/sasl.h wants, answered by a directory. */
#ifndef DIRECTORY_SASL_H
#define DIRECTORY_SASL_H

#include "directory/directory.h"

struct directory_sasl {
	struct directory *directory;
	enum directory_service service;
	char client[64];            /* IP as text */
	struct arena *arena;        /* where `user` lies */
	struct directory_user user; /* filled when the exchange is done */
	struct err denied;          /* why, when right but not allowed */
};
/* Acting for another (authzid) is refused in this version unless it is the user himself. */
struct sasl_callbacks directory_sasl_callbacks(struct directory_sasl *asked);

#endif
