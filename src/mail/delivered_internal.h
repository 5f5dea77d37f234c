/* Deliveries that may have been made before. */
#ifndef MAIL_DELIVERED_INTERNAL_H
#define MAIL_DELIVERED_INTERNAL_H

#include "mail/box_internal.h"
#include "mail/mail_internal.h"

/* So far back a mailbox is looked through the first time: what more has come since the first
 * attempt makes that the message is delivered once more. */
enum { MAIL_DELIVERED_UIDS = 20000, MAIL_DELIVERED_CHANGES = 100000 };

/* Whether the mailbox, which a write has under its lock and has not changed, has or had the
 * message that was delivered as `id`. */
int mail_delivered_find(struct mail *mail, struct id account, const struct mail_box *box,
	struct id id, bool *ret_found, struct err *err) WARN_UNUSED;

/* What a mailbox was found to have and to have had, by identity (store_object_identity()). */
struct delivered_seen {
	struct mail_key key;
	uint32_t next_number; /* objects from here on, and changes above that, were not seen yet */
	uint64_t change;
	uint64_t *slots; /* 8 random bytes of each id; 0: free */
	size_t count, cap;
};
void delivered_seen_add(struct delivered_seen *seen, struct id id);
WARN_UNUSED bool delivered_seen_has(const struct delivered_seen *seen, struct id id);
/* The table keeps it for the mailboxes that were asked for last; who takes one out puts it back. */
struct delivered_seen delivered_table_take(
	struct delivered_table *table, const struct mail_key *key);
void delivered_table_put(struct delivered_table *table, const struct delivered_seen *seen);

#endif
