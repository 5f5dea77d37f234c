/* Between the connection and what it asks for. */
#ifndef MOVE_TARGET_INTERNAL_H
#define MOVE_TARGET_INTERNAL_H

#include "base/log.h"
#include "move/node_internal.h"

/* Does what any request but the greeting asks for and appends the answer. */
int move_target_serve(struct move_node *node, const struct move_request *request,
	struct buf *answer, struct err *err) WARN_UNUSED;

#endif
