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

struct search {
	struct id id;
	bool found;
	uint32_t number;
};

static bool see_object(void *context, const struct store_object *object)
{
	struct search *s = context;
	s->found = id_eq(store_object_identity(object), s->id);
	s->number = object->number;
	return !s->found;
}

static bool see_change(void *context, const struct store_change *change)
{
	struct search *s = context;
	s->found = change->gone && id_eq(change->id, s->id);
	s->number = change->number;
	return !s->found;
}

int mail_delivered_find(struct mail *mail, struct id account, const struct mail_box *box,
	struct id id, bool *ret_found, uint32_t *ret_uid, struct err *err)
{
	const struct store_collection *c = box->collection;
	struct search s = {.id = id};
	uint32_t first =
		c->next_number > MAIL_DELIVERED_UIDS ? c->next_number - MAIL_DELIVERED_UIDS : 1;
	uint64_t since =
		c->change > MAIL_DELIVERED_CHANGES ? c->change - MAIL_DELIVERED_CHANGES : 0;
	int r = store_scan_objects(
		mail->store, account, c->id, first, UINT32_MAX, see_object, &s, err);
	if (r == 0 && !s.found)
		r = store_scan_changes(mail->store, account, c->id, since, see_change, &s, err);
	*ret_found = s.found;
	*ret_uid = s.number;
	return r < 0 ? r : 0; /* absent: it is made by this write */
}
