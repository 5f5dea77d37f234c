/* The line between the supervisor and a role: JSON objects, one a line, over a socket pair. */
#ifndef ROLES_CHANNEL_H
#define ROLES_CHANNEL_H

#include "base/buf.h"

#include <jansson.h>

enum { CHANNEL_LINE_MAX = 16 * 1024 * 1024 };

struct channel {
	int fd;
	struct buf input;
};

void channel_init(struct channel *channel, int fd);
void channel_close(struct channel *channel);
/* Takes over `message`. False when the other side is gone. */
bool channel_send(struct channel *channel, json_t *message);
/* The next message, or NULL: with wait, when the other side is gone; without, when none is there
 * (*ret_gone says which). The caller owns it. */
json_t *channel_receive(struct channel *channel, bool wait, bool *ret_gone);

#endif
