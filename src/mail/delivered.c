/* A message that is delivered once more, because nobody knows whether it was, must not be there
 * twice. Its object's id follows from what the sender calls the delivery, so nothing is written for
 * it: only who asks whether a message is here already has to look, at the objects and tombstones
 * of the mailbox. Two nodes that were apart and both delivered it made one and the same object. */
#include "mail/change.h"
#include "mail/delivered_internal.h"

#include "store/digest.h"

enum { TIME_SIZE = 6 }; /* of an id: base/id.h */

struct id mail_delivery_id(struct id message, struct slice recipient, struct id account)
{
	AUTO(buf_free) struct buf whom = BUF(64 * 1024);
	struct id id = message;
	buf_add_slice(&whom, id_slice(&account));
	buf_add_slice(&whom, recipient);
	uint64_t first = digest_row(id_slice(&message), buf_slice(&whom)),
		 second = digest_row(buf_slice(&whom), id_slice(&message));
	memcpy(id.bytes + TIME_SIZE, &first, sizeof(first));
	memcpy(id.bytes + TIME_SIZE + sizeof(first), &second, ID_SIZE - TIME_SIZE - sizeof(first));
	return id;
}

static bool see_object(void *context, const struct store_object *object)
{
	delivered_seen_add(context, store_object_identity(object));
	return true;
}

static bool see_change(void *context, const struct store_change *change)
{
	if (change->gone)
		delivered_seen_add(context, change->id);
	return true;
}

/* What came since the last time. */
static int look(struct mail *mail, struct id account, const struct store_collection *c,
	struct delivered_seen *seen, struct err *err)
{
	uint32_t first =
		c->next_number > MAIL_DELIVERED_UIDS ? c->next_number - MAIL_DELIVERED_UIDS : 1;
	uint64_t since =
		c->change > MAIL_DELIVERED_CHANGES ? c->change - MAIL_DELIVERED_CHANGES : 0;
	int r = store_scan_objects(mail->store, account, c->id, MAX(first, seen->next_number),
		UINT32_MAX, see_object, seen, err);
	if (r == 0)
		r = store_scan_changes(mail->store, account, c->id, MAX(since, seen->change),
			see_change, seen, err);
	if (r == 0) {
		seen->next_number = c->next_number;
		seen->change = c->change;
	}
	return r < 0 ? r : 0; /* absent: it is made by this write */
}

int mail_delivered_find(struct mail *mail, struct id account, const struct mail_box *box,
	struct id id, bool *ret_found, struct err *err)
{
	struct mail_key key = {account, box->collection->id};
	struct delivered_seen seen = delivered_table_take(mail->delivered, &key);
	int r = look(mail, account, box->collection, &seen, err);
	*ret_found = r == 0 && delivered_seen_has(&seen, id);
	delivered_table_put(mail->delivered, &seen);
	return r;
}
