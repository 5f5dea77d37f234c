/* Telling other nodes and roles what a command has done here. */
#ifndef ADMIN_CLUSTER_H
#define ADMIN_CLUSTER_H

#include "base/slice.h"

#include <jansson.h>

enum admin_news {
	ADMIN_NEWS_KICK,  /* his sessions end, and he is forgotten */
	ADMIN_NEWS_FLUSH, /* he is forgotten; "": all are */
};

struct admin_cluster {
	/* All at once, within a bounded time. An array with an object for each: "node", "sessions"
	 * that ended, or "why" it did not hear. May wait (base/wait.h). */
	json_t *(*tell)(void *context, enum admin_news news, struct slice user);
	void *context;
};

/* Into the result of a command: "nodes", and "sessions" and "message" with theirs, and with who did
 * not hear. `cluster` NULL: nothing. */
void admin_cluster_tell(const struct admin_cluster *cluster, enum admin_news news,
	struct slice user, json_t *result);

#endif
