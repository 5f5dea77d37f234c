/* What a node does all the time against damage on its disk that nobody would see for long: as
 * `mirror verify --repair` does, one account after the other, with rests between; and it reads all
 * bodies that its rows refer to, by their checksums. What can't be read is fetched from the other
 * node. Rows are compared by the first node only, for both.
 *
 * While the two are linked and merged; what was begun goes on when they are again. */
#ifndef MIRROR_SCRUB_H
#define MIRROR_SCRUB_H

#include "mirror/node.h"

struct mirror_connection;

/* Part of a node, under its lock. */
struct mirror_scrub {
	struct mirror_scrub_status status;
	struct id *accounts; /* of this round; NULL: none is under way */
	bool busy;           /* a job runs */
	bool again;          /* the round under way is begun anew */
	int64_t next_ms;     /* monotonic: when there is something to do */
};

void mirror_scrub_start(struct mirror_node *node);
/* Under node.lock: a round begins now. */
void mirror_scrub_again(struct mirror_node *node);
/* Under node.lock. True: the caller runs mirror_scrub_run() where waiting is allowed. */
WARN_UNUSED bool mirror_scrub_is_due(struct mirror_node *node, int64_t now);
void mirror_scrub_run(void *node);

#endif
