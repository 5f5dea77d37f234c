/* Walks the rows of a view that a set names: the cost is of the rows it finds, and of a look-up per
 * range. */
#include "mail/pick_internal.h"

int mail_pick_begin(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_set *uids, struct mail_pick *ret_pick, struct err *err)
{
	*ret_pick = (struct mail_pick){.uids = uids};
	int r = mail_view_open(mail, account, mailbox, &ret_pick->view, err);
	if (r == MAIL_ABSENT)
		return err_permanent(err, ERR_ABSENT, "there is no such mailbox");
	return r;
}

const struct mail_row *mail_pick_next(struct mail_pick *pick)
{
	static const struct mail_range all = {1, UINT32_MAX};
	uint32_t ranges = pick->uids ? pick->uids->count : 1;
	for (; pick->range < ranges; pick->range++, pick->seq = 0) {
		const struct mail_range *range =
			pick->uids ? &pick->uids->ranges[pick->range] : &all;
		if (pick->seq == 0)
			pick->seq = mail_view_seq_from(pick->view, range->first);
		if (pick->seq > mail_view_count(pick->view))
			return NULL;
		const struct mail_row *row = mail_view_row(pick->view, pick->seq);
		if (row->uid <= range->last) {
			pick->seq++;
			return row;
		}
	}
	return NULL;
}

void mail_pick_end(struct mail_pick *pick)
{
	mail_view_unref(pick->view);
	pick->view = NULL;
}
