/* Messages from one mailbox into another of the same account, inside a write. */
#ifndef MAIL_TRANSFER_INTERNAL_H
#define MAIL_TRANSFER_INTERNAL_H

#include "mail/change.h"
#include "mail/pick_internal.h"

struct mail_transfer {
	struct mail *mail;
	struct store_write *write;
	struct id account;
	struct mail_box *from, *to; /* may be the same */
	bool move;
	unsigned learn; /* enum mail_learn_as that is noted of each; 0: nothing */
	uint32_t *uids; /* of the originals; owned */
	size_t count, room;
	uint64_t bytes; /* of the copies */
	struct mail_added added;
};

/* Copies (or moves) what `pick`, of the mailbox `from`, names. The caller saves both boxes, and
 * frees transfer->uids. */
int mail_transfer_run(
	struct mail_transfer *transfer, struct mail_pick *pick, struct err *err) WARN_UNUSED;

#endif
