/* EXPUNGE by ids: what somebody saw may have another UID by now. */
#include "mail/box_internal.h"
#include "mail/change.h"
#include "mail/mail_internal.h"
#include "mail/quota_internal.h"

struct expunging {
	struct mail *mail;
	struct id account;
	struct store_write *write;
	struct mail_box box;
	struct mail_seen *missed; /* not under the UID that they had */
	size_t missed_count, expunged;
};

static int remove_one(struct expunging *e, uint32_t uid, const struct id *expected, bool *ret_done,
	struct err *err)
{
	struct store_object object;
	struct mail_record record;
	*ret_done = false;
	int r = store_write_get_object(e->write, e->box.collection, uid, &object, err);
	if (r != 0 || !id_eq(object.id, *expected))
		return r < 0 ? r : 0;
	r = mail_box_get(e->write, &e->box, uid, &object, &record, err);
	if (r == 0)
		r = mail_box_remove(e->write, &e->box, &object, record.flags, err);
	if (r != 0)
		return r;
	*ret_done = true;
	e->expunged++;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(((const struct mail_seen *)a)->id, ((const struct mail_seen *)b)->id);
}

static bool find_missed(void *context, const struct store_object *object)
{
	struct expunging *e = context;
	struct mail_seen wanted = {.id = object->id}, *found;
	found = bsearch(&wanted, e->missed, e->missed_count, sizeof(wanted), by_id);
	if (found)
		found->uid = object->number;
	return true;
}

/* Under the account's lock: nothing comes and goes meanwhile. */
static int remove_missed(struct expunging *e, struct err *err)
{
	bool done;
	qsort(e->missed, e->missed_count, sizeof(*e->missed), by_id);
	int r = store_scan_objects(e->mail->store, e->account, e->box.collection->id, 1, UINT32_MAX,
		find_missed, e, err);
	for (size_t i = 0; r >= 0 && i < e->missed_count; i++)
		r = remove_one(e, e->missed[i].uid, &e->missed[i].id, &done, err);
	return r < 0 ? r : 0;
}

static int remove_all(
	struct expunging *e, struct mail_seen *messages, size_t count, struct err *err)
{
	bool done;
	int r = 0;
	e->missed = messages;
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = remove_one(e, messages[i].uid, &messages[i].id, &done, err);
		if (r == 0 && !done) {
			struct mail_seen missed = messages[i];
			messages[i] = messages[e->missed_count];
			messages[e->missed_count++] = missed;
		}
	}
	return r == 0 && e->missed_count > 0 ? remove_missed(e, err) : r;
}

int mail_expunge_seen(struct mail *mail, struct id account, struct id mailbox,
	struct mail_seen *messages, size_t count, size_t *ret_expunged, struct err *err)
{
	struct expunging e = {.mail = mail, .account = account};
	*ret_expunged = 0;
	int r = mail_box_begin(mail, account, mailbox, &e.write, &e.box, err);
	if (r < 0)
		return r;
	r = remove_all(&e, messages, count, err);
	if (r < 0 || e.expunged == 0) {
		store_write_abort(e.write);
		return r;
	}
	mail_box_save(e.write, &e.box);
	r = quota_commit(mail, e.write, &account, 1, err);
	if (r == 0)
		*ret_expunged = e.expunged;
	return r;
}
