/* Mailboxes: collections of kind STORE_MAILBOX whose name is the mailbox's. */
#include "mail/mailbox.h"
#include "mail/box_internal.h"
#include "mail/mail_internal.h"
#include "mail/name_internal.h"
#include "mail/quota_internal.h"

static int fill(const struct store_collection *collection, struct arena *arena,
	struct mail_mailbox *ret_mailbox, struct err *err)
{
	struct mail_box_record record;
	if (!mail_box_record_read(collection->data, &record))
		return err_temporary(err, ERR_DAMAGED, "mailbox \"%.*s\": its row can't be read",
			SLICE_ARG(collection->name));
	*ret_mailbox = (struct mail_mailbox){
		.id = collection->id,
		.name = arena_copy(arena, collection->name),
		.uid_validity = record.uid_validity,
		.uid_next = collection->next_number,
		.uses = record.uses,
		.change = collection->change,
		.messages = collection->count,
		.unseen = record.unseen,
		.deleted = record.deleted,
		.bytes = collection->bytes,
	};
	return 0;
}

static int compare_mailboxes(const void *a, const void *b)
{
	const struct mail_mailbox *x = a, *y = b;
	bool x_inbox = mail_name_is_inbox(x->name), y_inbox = mail_name_is_inbox(y->name);
	return x_inbox != y_inbox ? (x_inbox ? -1 : 1) : slice_cmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

int mail_mailbox_list(struct mail *mail, struct id account, struct arena *arena,
	struct mail_mailbox **ret_array, size_t *ret_count, struct err *err)
{
	struct store_collection *collections;
	struct slice *subscribed;
	size_t count, subscribed_count;
	int r = store_list_collections(
		mail->store, account, STORE_MAILBOX, arena, &collections, &count, err);
	if (r == 0)
		r = mail_list_subscriptions(
			mail, account, arena, &subscribed, &subscribed_count, err);
	if (r != 0)
		return r;
	struct mail_mailbox *array = ARENA_ARRAY(arena, struct mail_mailbox, count);
	for (size_t i = 0; i < count; i++) {
		r = fill(&collections[i], arena, &array[i], err);
		if (r < 0)
			return r;
		array[i].subscribed = subscribed_count > 0 &&
				      bsearch(&array[i].name, subscribed, subscribed_count,
					      sizeof(*subscribed), compare_names) != NULL;
	}
	if (count > 0)
		qsort(array, count, sizeof(*array), compare_mailboxes);
	*ret_array = array;
	*ret_count = count;
	return 0;
}

int mail_mailbox_find(struct mail *mail, struct id account, struct slice name, struct arena *arena,
	struct mail_mailbox *ret_mailbox, struct err *err)
{
	struct slice checked;
	struct store_collection collection;
	if (mail_name_check(name, arena, &checked, NULL) < 0)
		return MAIL_ABSENT; /* no mailbox has such a name */
	int r = store_find_collection(
		mail->store, account, STORE_MAILBOX, checked, arena, &collection, err);
	if (r != 0)
		return r == STORE_ABSENT ? MAIL_ABSENT : r;
	return fill(&collection, arena, ret_mailbox, err);
}

int mail_mailbox_get(struct mail *mail, struct id account, struct id mailbox, struct arena *arena,
	struct mail_mailbox *ret_mailbox, struct err *err)
{
	struct store_collection collection;
	int r = store_get_collection(mail->store, account, mailbox, arena, &collection, err);
	if (r == STORE_ABSENT || (r == 0 && collection.kind != STORE_MAILBOX))
		return MAIL_ABSENT;
	return r < 0 ? r : fill(&collection, arena, ret_mailbox, err);
}

/* A special use belongs to one mailbox (RFC 6154 section 3 lets a server say so). */
static int check_uses(struct mail *mail, struct id account, unsigned uses, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *collections;
	size_t count;
	if (uses == 0)
		return 0;
	int r = store_list_collections(
		mail->store, account, STORE_MAILBOX, &arena, &collections, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct mail_box_record record;
		if (mail_box_record_read(collections[i].data, &record) && (record.uses & uses))
			return err_permanent(err, ERR_OTHER,
				"mailbox \"%.*s\" has that special use",
				SLICE_ARG(collections[i].name));
	}
	return r;
}

int mail_mailbox_create(struct mail *mail, struct id account, struct slice name, unsigned uses,
	struct arena *arena, struct mail_mailbox *ret_mailbox, struct err *err)
{
	struct store_write *write;
	struct store_collection *existing;
	struct mail_box box;
	struct slice checked;
	int r = mail_name_check(name, arena, &checked, err);
	if (r == 0)
		r = store_write_begin(mail->store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = store_write_find_collection(write, account, STORE_MAILBOX, checked, &existing, err);
	if (r == 0)
		r = err_permanent(err, ERR_EXISTS, "there is a mailbox of that name");
	else if (r == STORE_ABSENT)
		r = check_uses(mail, account, uses, err);
	if (r == 0)
		r = mail_box_new(write, account, checked, uses, &box, err);
	if (r == 0)
		r = fill(box.collection, arena, ret_mailbox, err);
	if (r < 0) {
		store_write_abort(write);
		return r;
	}
	return quota_commit(mail, write, &account, 1, err);
}

int mail_mailbox_delete(struct mail *mail, struct id account, struct slice name, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_write *write;
	struct store_collection *collection;
	struct slice checked;
	if (mail_name_check(name, &arena, &checked, NULL) < 0)
		return err_permanent(err, ERR_ABSENT, "there is no such mailbox");
	if (mail_name_is_inbox(checked))
		return err_permanent(err, ERR_DENIED, "INBOX can't be deleted");
	int r = store_write_begin(mail->store, &account, 1, &write, err);
	if (r < 0)
		return r;
	r = store_write_find_collection(write, account, STORE_MAILBOX, checked, &collection, err);
	if (r == STORE_ABSENT)
		r = err_permanent(err, ERR_ABSENT, "there is no such mailbox");
	if (r == 0)
		r = store_write_collection_gone(write, collection, err);
	if (r < 0) {
		store_write_abort(write);
		return r;
	}
	return quota_commit(mail, write, &account, 1, err);
}
