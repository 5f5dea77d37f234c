/* EXPUNGE: the rows of the view say which messages go. */
#include "mail/change.h"
#include "mail/pick_internal.h"
#include "mail/quota_internal.h"

static int remove_all(struct store_write *write, struct mail_box *box, struct mail_pick *pick,
	bool any, struct mail_set *expunged, uint32_t *ret_count, struct err *err)
{
	const struct mail_row *row;
	*ret_count = 0;
	while ((row = mail_pick_next(pick)) != NULL) {
		struct store_object object = {.number = row->uid};
		if (!any && !(row->flags & MAIL_DELETED))
			continue;
		int r = mail_box_remove(write, box, &object, row->flags, err);
		if (r != 0)
			return r < 0 ? r : err_bug(err, "message is in the view only");
		if (expunged)
			mail_set_add(expunged, row->uid, row->uid);
		++*ret_count;
	}
	return 0;
}

int mail_expunge(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_set *uids, bool any, struct mail_set *ret_expunged, uint64_t *ret_change,
	struct err *err)
{
	struct store_write *write;
	struct mail_box box;
	struct mail_pick pick;
	uint32_t count = 0;
	int r = mail_box_begin(mail, account, mailbox, &write, &box, err);
	if (r < 0)
		return r;
	r = mail_pick_begin(mail, account, mailbox, uids, &pick, err);
	if (r == 0) {
		r = remove_all(write, &box, &pick, any, ret_expunged, &count, err);
		mail_pick_end(&pick);
	}
	*ret_change = box.collection->change;
	if (r != 0 || count == 0) {
		store_write_abort(write);
		return r;
	}
	mail_box_save(write, &box);
	return quota_commit(mail, write, &account, 1, err);
}
