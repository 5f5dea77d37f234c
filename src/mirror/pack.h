/* Messages made shorter by zstd before they are cut in parts, and back: docs/mirror-protocol.md,
 * "Packed messages". Each by itself, so that the length of one tells nothing about another
 * account's mail (docs/decisions/0010-packed-messages.md). Any thread; one at a time uses a packer.
 */
#ifndef MIRROR_PACK_H
#define MIRROR_PACK_H

#include "mirror/frame.h"

struct mirror_packer; /* zstd's memory, which is used again */

struct mirror_packer *mirror_packer_new(void);
void mirror_packer_free(struct mirror_packer *packer); /* NULL is fine */

/* How a message begins. */
struct mirror_head {
	unsigned kind; /* enum mirror_message, or one that a later version knows */
	bool packed;
	uint64_t number; /* of the request that an answer answers */
	size_t len;      /* of these fields */
	/* Packed: bytes of the whole message before it was, and of them behind its head. */
	size_t size, rest;
};
/* 1; 0: more bytes are needed; -1: no message begins like this. */
int mirror_head_read(struct slice message, struct mirror_head *ret_head) WARN_UNUSED;

/* Puts the packed message in place of *message, if that is shorter and not too small. May give way
 * (base/wait.h). */
void mirror_pack(struct mirror_packer *packer, struct buf *message);
/* Appends a packed message as it was. Never more than the head says, and memory is taken as bytes
 * come out. Negative: it is not what the head says. May give way. */
int mirror_unpack(struct mirror_packer *packer, const struct mirror_head *head,
	struct slice message, struct buf *to, struct err *err) WARN_UNUSED;

#endif
