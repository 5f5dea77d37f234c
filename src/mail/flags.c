/* STORE: flags and keywords of many messages in one write. The rows of the view say which messages
 * change; only those are read and written. */
#include "mail/change.h"
#include "mail/keywords_internal.h"
#include "mail/pick_internal.h"
#include "mail/quota_internal.h"

/* Room for joining two full sets. */
enum { NAMES_ROOM = MAIL_KEYWORDS_MAX * 2 };

struct outcome {
	uint8_t flags;
	struct mail_keywords keywords;
	struct slice names[NAMES_ROOM];
};

static void work_out(const struct mail_store_request *request, uint8_t flags,
	const struct mail_keywords *had, struct outcome *ret_outcome)
{
	uint8_t given = request->flags & MAIL_FLAGS_ALL;
	struct mail_keywords *keywords = &ret_outcome->keywords;
	*keywords = (struct mail_keywords){.names = ret_outcome->names};
	switch (request->mode) {
	case MAIL_STORE_SET:
		ret_outcome->flags = given;
		/* Names that stay keep their spelling. */
		*keywords = mail_keywords_equal(had, &request->keywords) ? *had : request->keywords;
		return;
	case MAIL_STORE_ADD:
		ret_outcome->flags = flags | given;
		keywords->count = mail_keywords_join(had, &request->keywords, ret_outcome->names);
		return;
	case MAIL_STORE_REMOVE:
		ret_outcome->flags = (uint8_t)(flags & ~given);
		keywords->count =
			mail_keywords_without(had, &request->keywords, ret_outcome->names);
		return;
	}
}

static int change_one(struct store_write *write, struct mail_box *box,
	const struct mail_store_request *request, uint32_t uid, struct outcome *outcome,
	uint64_t *ret_change, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_RECORD_MAX);
	struct store_object object;
	struct mail_record record;
	int r = mail_box_get(write, box, uid, &object, &record, err);
	if (r < 0)
		return r;
	work_out(request, record.flags, &record.keywords, outcome);
	if (outcome->keywords.count > MAIL_KEYWORDS_MAX)
		return err_permanent(
			err, ERR_LIMIT, "more than %d keywords on a message", MAIL_KEYWORDS_MAX);
	mail_box_uncount(box, record.flags);
	mail_box_count(box, outcome->flags);
	record.flags = outcome->flags;
	record.keywords = outcome->keywords;
	mail_record_write(&record, &data);
	object.data = buf_slice(&data);
	r = store_write_object(write, box->collection, &object, SLICE_NONE, err);
	*ret_change = object.change;
	return r;
}

static int change_all(struct store_write *write, struct mail_box *box, struct mail_pick *pick,
	const struct mail_store_request *request, struct mail_set *changed, struct mail_set *failed,
	uint64_t *ret_change, struct err *err)
{
	struct outcome outcome;
	const struct mail_row *row;
	*ret_change = 0;
	while ((row = mail_pick_next(pick)) != NULL) {
		if (request->conditional && row->modseq > request->unchanged_since) {
			if (failed)
				mail_set_add(failed, row->uid, row->uid);
			continue;
		}
		const struct mail_keywords *had = mail_view_keywords(pick->view, row->keywords);
		work_out(request, row->flags, had, &outcome);
		if (outcome.flags == row->flags && mail_keywords_equal(&outcome.keywords, had))
			continue;
		int r = change_one(write, box, request, row->uid, &outcome, ret_change, err);
		if (r != 0)
			return r;
		if (changed)
			mail_set_add(changed, row->uid, row->uid);
	}
	return 0;
}

int mail_store_flags(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_store_request *request, struct mail_set *ret_changed,
	struct mail_set *ret_failed, uint64_t *ret_change, struct err *err)
{
	struct store_write *write;
	struct mail_box box;
	struct mail_pick pick;
	uint64_t change = 0;
	int r = mail_box_begin(mail, account, mailbox, &write, &box, err);
	if (r < 0)
		return r;
	uint64_t before = box.collection->change;
	r = mail_pick_begin(mail, account, mailbox, &request->uids, &pick, err);
	if (r == 0) {
		r = change_all(write, &box, &pick, request, ret_changed, ret_failed, &change, err);
		mail_pick_end(&pick);
	}
	if (r != 0 || change == 0) {
		store_write_abort(write);
	} else {
		mail_box_save(write, &box);
		r = quota_commit(mail, write, &account, 1, err);
	}
	*ret_change = change ? change : before;
	return r;
}
