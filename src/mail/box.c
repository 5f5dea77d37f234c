/* Mailboxes inside a write.
 *
 * UIDVALIDITY is the second of creation, or a number above the highest that the account ever gave
 * out, whichever is larger: the next number of the account's mail settings. So a mailbox that is
 * deleted and made again within a second, or on a clock that went back, does not get the number of
 * its predecessor, and two nodes that give out numbers apart never give out the same. */
#include "mail/box_internal.h"
#include "mail/mail_internal.h"

#include "base/clock.h"

int mail_box_load(struct store_write *write, struct id account, struct id mailbox,
	struct mail_box *ret_box, struct err *err)
{
	int r = store_write_collection(write, account, mailbox, &ret_box->collection, err);
	if (r < 0)
		return r;
	if (r == STORE_ABSENT || ret_box->collection->kind != STORE_MAILBOX)
		return err_permanent(err, ERR_ABSENT, "there is no such mailbox");
	if (!mail_box_record_read(ret_box->collection->data, &ret_box->record))
		return err_temporary(err, ERR_DAMAGED, "mailbox \"%.*s\": its row can't be read",
			SLICE_ARG(ret_box->collection->name));
	return 0;
}

int mail_box_begin(struct mail *mail, struct id account, struct id mailbox,
	struct store_write **ret_write, struct mail_box *ret_box, struct err *err)
{
	int r = store_write_begin(mail->store, &account, 1, ret_write, err);
	if (r < 0)
		return r;
	r = mail_box_load(*ret_write, account, mailbox, ret_box, err);
	if (r < 0)
		store_write_abort(*ret_write);
	return r;
}

static int next_uid_validity(
	struct store_write *write, struct id account, uint32_t *ret_value, struct err *err)
{
	struct store_collection *settings;
	int64_t now = MIN(MAX(clock_wall(), (int64_t)1), (int64_t)UINT32_MAX);
	int r = store_write_find_collection(
		write, account, STORE_SETTINGS, MAIL_SETTINGS, &settings, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(
			write, account, STORE_SETTINGS, MAIL_SETTINGS, SLICE_NONE, &settings, err);
	if (r == 0)
		r = store_write_take_number(write, settings, (uint32_t)now, ret_value, err);
	return r;
}

int mail_box_new(struct store_write *write, struct id account, struct slice name, unsigned uses,
	struct mail_box *ret_box, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_BOX_RECORD_MAX);
	ret_box->record = (struct mail_box_record){.uses = uses};
	int r = next_uid_validity(write, account, &ret_box->record.uid_validity, err);
	if (r < 0)
		return r;
	mail_box_record_write(&ret_box->record, &data);
	return store_write_collection_new(
		write, account, STORE_MAILBOX, name, buf_slice(&data), &ret_box->collection, err);
}

void mail_box_save(struct store_write *write, struct mail_box *box)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_BOX_RECORD_MAX);
	mail_box_record_write(&box->record, &data);
	box->collection->data = buf_slice(&data);
	store_write_collection_changed(write, box->collection);
}

void mail_box_count(struct mail_box *box, uint8_t flags)
{
	box->record.unseen += !(flags & MAIL_SEEN);
	box->record.deleted += (flags & MAIL_DELETED) != 0;
}

void mail_box_uncount(struct mail_box *box, uint8_t flags)
{
	box->record.unseen -= !(flags & MAIL_SEEN);
	box->record.deleted -= (flags & MAIL_DELETED) != 0;
}

int mail_box_add(struct store_write *write, struct mail_box *box, const struct mail_record *record,
	struct slice facet, struct store_object *object, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_RECORD_MAX);
	mail_record_write(record, &data);
	object->flags = STORE_COUNTED;
	object->data = buf_slice(&data);
	int r = store_write_object_new(write, box->collection, object, facet, err);
	if (r == 0)
		mail_box_count(box, record->flags);
	return r;
}

int mail_box_get(struct store_write *write, struct mail_box *box, uint32_t uid,
	struct store_object *ret_object, struct mail_record *ret_record, struct err *err)
{
	int r = store_write_get_object(write, box->collection, uid, ret_object, err);
	if (r == 0 && !mail_record_read(ret_object->data, ret_record))
		return err_temporary(
			err, ERR_DAMAGED, "message with UID %u: its row can't be read", uid);
	return r == STORE_ABSENT ? err_bug(err, "message with UID %u is in the view only", uid) : r;
}

int mail_box_remove(struct store_write *write, struct mail_box *box,
	const struct store_object *object, uint8_t flags, struct err *err)
{
	int r = store_write_object_gone(write, box->collection, object, err);
	if (r == 0)
		mail_box_uncount(box, flags);
	return r;
}
