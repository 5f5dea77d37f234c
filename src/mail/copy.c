/* COPY and MOVE. */
#include "mail/change.h"
#include "mail/learn_internal.h"
#include "mail/mail_internal.h"
#include "mail/quota_internal.h"
#include "mail/transfer_internal.h"

#include "base/alloc.h"

/* The row already says what the account will hold. */
static int check_account(
	struct mail_transfer *transfer, const struct mail_limits *limits, struct err *err)
{
	const struct store_account *row;
	int r = store_write_account(transfer->write, transfer->account, &row, err);
	if (r != 0)
		return r;
	struct store_account before = *row;
	before.bytes -= transfer->bytes;
	before.count -= transfer->count;
	return quota_check_account(&before, limits, transfer->bytes, transfer->count, err);
}

static int commit(struct mail_transfer *transfer, const struct mail_limits *limits, struct err *err)
{
	int r = 0;
	if (!transfer->move) {
		r = check_account(transfer, limits, err);
		if (r == 0)
			r = quota_reserve(
				transfer->mail, limits, transfer->bytes, transfer->count, err);
	}
	if (r < 0) {
		store_write_abort(transfer->write);
		return r;
	}
	mail_box_save(transfer->write, transfer->to);
	if (transfer->move && transfer->from != transfer->to)
		mail_box_save(transfer->write, transfer->from);
	r = quota_commit(transfer->mail, transfer->write, &transfer->account, 1, err);
	if (!transfer->move)
		quota_release(transfer->mail, limits, transfer->bytes, transfer->count);
	if (r == 0 && transfer->learn)
		mail_learn_expect(transfer->mail, transfer->account, 0);
	return r;
}

int mail_copy(struct mail *mail, struct id account, struct id from_mailbox,
	const struct mail_set *uids, struct id to_mailbox, bool move,
	const struct mail_limits *limits, uint32_t **ret_from, size_t *ret_count,
	struct mail_added *ret_added, struct err *err)
{
	struct store_write *write;
	struct mail_box from, other;
	struct mail_pick pick;
	bool same = id_eq(from_mailbox, to_mailbox);
	*ret_from = NULL;
	*ret_count = 0;
	*ret_added = (struct mail_added){0};
	int r = mail_box_begin(mail, account, from_mailbox, &write, &from, err);
	if (r < 0)
		return r;
	if (!same)
		r = mail_box_load(write, account, to_mailbox, &other, err);
	if (r == 0)
		r = mail_pick_begin(mail, account, from_mailbox, uids, &pick, err);
	if (r < 0) {
		store_write_abort(write);
		return r;
	}
	struct mail_transfer transfer = {.mail = mail,
		.write = write,
		.account = account,
		.from = &from,
		.to = same ? &from : &other,
		.move = move};
	transfer.learn = mail_learn_verdict(mail, from.record.uses, transfer.to->record.uses);
	r = mail_transfer_run(&transfer, &pick, err);
	mail_pick_end(&pick);
	if (r != 0 || transfer.count == 0)
		store_write_abort(write);
	else
		r = commit(&transfer, limits, err);
	if (r != 0) {
		free(transfer.uids);
		return r;
	}
	*ret_from = transfer.uids;
	*ret_count = transfer.count;
	*ret_added = transfer.added;
	return 0;
}
