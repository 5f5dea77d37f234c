/* A mailbox inside a write: its collection and the counters that every change keeps exact. */
#ifndef MAIL_BOX_INTERNAL_H
#define MAIL_BOX_INTERNAL_H

#include "mail/record_internal.h"

struct mail_box {
	struct store_collection *collection;
	struct mail_box_record record;
};

/* ERR_ABSENT (permanent) when there is no such mailbox. */
int mail_box_load(struct store_write *write, struct id account, struct id mailbox,
	struct mail_box *ret_box, struct err *err) WARN_UNUSED;
/* A write of one account with one mailbox in it. */
int mail_box_begin(struct mail *mail, struct id account, struct id mailbox,
	struct store_write **ret_write, struct mail_box *ret_box, struct err *err) WARN_UNUSED;
/* A new, empty mailbox; `name` is checked and free. Its UIDVALIDITY is one that no mailbox of the
 * account has had. */
int mail_box_new(struct store_write *write, struct id account, struct slice name, unsigned uses,
	struct mail_box *ret_box, struct err *err) WARN_UNUSED;
void mail_box_save(struct store_write *write, struct mail_box *box);

/* A message comes in, of which *object says id (none: a new one), origin (none, but of one that is
 * moved here: see store_object_identity()) and blob; the rest is filled. record's flags are
 * counted. */
int mail_box_add(struct store_write *write, struct mail_box *box, const struct mail_record *record,
	struct slice facet, struct store_object *object, struct err *err) WARN_UNUSED;
/* Counts a message with these flags out. */
void mail_box_uncount(struct mail_box *box, uint8_t flags);
void mail_box_count(struct mail_box *box, uint8_t flags);
/* A message of the mailbox as it is now, its data read. Slices live as long as the write. */
int mail_box_get(struct store_write *write, struct mail_box *box, uint32_t uid,
	struct store_object *ret_object, struct mail_record *ret_record,
	struct err *err) WARN_UNUSED;
int mail_box_remove(struct store_write *write, struct mail_box *box,
	const struct store_object *object, uint8_t flags, struct err *err) WARN_UNUSED;

#endif
