/* Delivery: one message, many accounts, one write.
 *
 * The message is parsed before the accounts are locked, for the locks are held across the sync of
 * the disk. Per account the store reads two rows (account, mailbox) and the mailbox's name. */
#include "mail/box_internal.h"
#include "mail/change.h"
#include "mail/delivered_internal.h"
#include "mail/mail_internal.h"
#include "mail/mailbox.h"
#include "mail/prepare_internal.h"
#include "mail/quota_internal.h"
#include "mail/subscribe_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

/* Whom the sender was told the same limit gets a message with trace fields in front. */
static uint64_t delivery_max(const struct mail *mail)
{
	enum { TRACE_MAX = 64 * 1024 };
	return MIN(mail->message_max + TRACE_MAX, (uint64_t)INT32_MAX);
}

struct job {
	struct mail *mail;
	struct slice bytes, facet;
	struct mail_record record;
	struct store_write *write;
	struct id blob;
	struct mail_delivery *deliveries;
	size_t count;
	/* Deliveries by account; the first of equals gets the copy. */
	struct mail_delivery **order;
	struct id *accounts;
	size_t account_count;
};

static int compare_deliveries(const void *a, const void *b)
{
	const struct mail_delivery *x = *(struct mail_delivery *const *)a;
	const struct mail_delivery *y = *(struct mail_delivery *const *)b;
	int order = id_cmp(x->account, y->account);
	return order ? order : x < y ? -1 : x > y;
}

static void sort_accounts(struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		job->order[i] = &job->deliveries[i];
	qsort(job->order, job->count, sizeof(struct mail_delivery *), compare_deliveries);
	for (size_t i = 0; i < job->count; i++)
		if (i == 0 || !id_eq(job->order[i]->account, job->order[i - 1]->account))
			job->accounts[job->account_count++] = job->order[i]->account;
}

/* Its name: the special use may be any mailbox's, whose names are all looked through. Under the
 * account's lock what is committed is all there is. */
static int find_junk(struct job *job, struct id account, struct arena *arena,
	struct slice *ret_name, struct err *err)
{
	struct store_collection *list;
	size_t count;
	int r = store_list_collections(
		job->mail->store, account, STORE_MAILBOX, arena, &list, &count, err);
	*ret_name = SLICE("Junk");
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct mail_box_record record;
		if (mail_box_record_read(list[i].data, &record) && (record.uses & MAIL_USE_JUNK))
			*ret_name = list[i].name;
	}
	return r;
}

/* One that has the name without the use is good enough: there can't be two of a name. */
static int junk_box(struct job *job, struct id account, struct mail_box *ret_box, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *collection;
	struct slice name;
	bool changed;
	int r = find_junk(job, account, &arena, &name, err);
	if (r != 0)
		return r;
	r = store_write_find_collection(job->write, account, STORE_MAILBOX, name, &collection, err);
	if (r == 0)
		return mail_box_load(job->write, account, collection->id, ret_box, err);
	if (r == STORE_ABSENT)
		r = mail_subscribe_in(job->write, account, name, true, &changed, err);
	if (r == 0)
		r = mail_box_new(job->write, account, name, MAIL_USE_JUNK, ret_box, err);
	return r;
}

/* The mailbox that the delivery names, else INBOX, which is made when it is missing. */
static int find_box(struct job *job, const struct mail_delivery *delivery, struct mail_box *ret_box,
	struct err *err)
{
	struct store_write *write = job->write;
	if (delivery->use == MAIL_USE_JUNK)
		return junk_box(job, delivery->account, ret_box, err);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection *collection;
	struct slice name = SLICE("INBOX");
	int r = STORE_ABSENT;
	if (delivery->mailbox.len > 0 &&
		mail_name_check(delivery->mailbox, &arena, &name, NULL) == 0)
		r = store_write_find_collection(
			write, delivery->account, STORE_MAILBOX, name, &collection, err);
	if (r == STORE_ABSENT)
		r = store_write_find_collection(
			write, delivery->account, STORE_MAILBOX, SLICE("INBOX"), &collection, err);
	if (r == STORE_ABSENT)
		return mail_box_new(write, delivery->account, SLICE("INBOX"), 0, ret_box, err);
	return r < 0 ? r : mail_box_load(write, delivery->account, collection->id, ret_box, err);
}

/* Of one that was tried before: whether that was not in vain. */
static int find_earlier(struct job *job, struct mail_delivery *delivery, struct err *err)
{
	struct mail_box box;
	if (!delivery->again || id_is_none(delivery->id))
		return 0;
	int r = find_box(job, delivery, &box, err);
	return r < 0 ? r
		     : mail_delivered_find(job->mail, delivery->account, &box, delivery->id,
			       &delivery->was_there, err);
}

static int deliver_one(struct job *job, struct mail_delivery *delivery, struct err *err)
{
	const struct store_account *row;
	struct mail_box box;
	struct store_object object = {.id = delivery->id};
	int r = find_earlier(job, delivery, err);
	if (r < 0 || delivery->was_there)
		return r;
	r = store_write_account(job->write, delivery->account, &row, err);
	if (r == 0)
		r = quota_check_account(row, &delivery->limits, job->bytes.len, 1, err);
	if (r == 0)
		r = quota_reserve(job->mail, &delivery->limits, job->bytes.len, 1, err);
	if (r < 0)
		return r;
	r = find_box(job, delivery, &box, err);
	if (r == 0 && id_is_none(job->blob))
		job->blob = store_write_blob(job->write, job->bytes);
	object.blob = job->blob;
	if (r == 0)
		r = mail_box_add(job->write, &box, &job->record, job->facet, &object, err);
	if (r < 0) {
		quota_release(job->mail, &delivery->limits, job->bytes.len, 1);
		return r;
	}
	mail_box_save(job->write, &box);
	delivery->uid = object.number;
	return 0;
}

/* Returns how many get the message now. */
static size_t deliver_all(struct job *job)
{
	size_t delivered = 0;
	for (size_t i = 0; i < job->count; i++) {
		struct mail_delivery *delivery = job->order[i];
		const struct mail_delivery *before = i > 0 ? job->order[i - 1] : NULL;
		if (before && id_eq(before->account, delivery->account)) {
			delivery->result = before->result;
			delivery->err = before->err;
			delivery->uid = before->uid;
			delivery->was_there = before->was_there;
			continue;
		}
		delivery->result = deliver_one(job, delivery, &delivery->err);
		delivered += delivery->result == 0 && !delivery->was_there;
	}
	return delivered;
}

/* What was reserved for those that were delivered to is in the sums now, or will never be. */
static void release_all(struct job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		struct mail_delivery *delivery = job->order[i];
		bool again = i > 0 && id_eq(job->order[i - 1]->account, delivery->account);
		if (!again && delivery->result == 0 && !delivery->was_there)
			quota_release(job->mail, &delivery->limits, job->bytes.len, 1);
	}
}

static int run(struct job *job, struct err *err)
{
	int r = store_write_begin(
		job->mail->store, job->accounts, job->account_count, &job->write, err);
	if (r < 0)
		return r;
	size_t delivered = deliver_all(job);
	if (delivered > 0)
		r = quota_commit(job->mail, job->write, job->accounts, job->account_count, err);
	else
		store_write_abort(job->write);
	release_all(job);
	return r;
}

int mail_deliver(struct mail *mail, struct slice bytes, struct mail_delivery *deliveries,
	size_t count, struct err *err)
{
	struct mail_prepared prepared;
	int64_t now = clock_wall();
	if (count == 0)
		return 0;
	int r = mail_prepare(delivery_max(mail), bytes, &prepared, err);
	if (r < 0)
		return r;
	struct job job = {
		.mail = mail,
		.bytes = bytes,
		.facet = mail_prepared_facet(&prepared),
		.record = {.internal_date = {.seconds = now,
				   .zone_minutes = (int16_t)(clock_local_offset(now) / 60)},
			.saved = now,
			.header_len = prepared.header_len},
		.deliveries = deliveries,
		.count = count,
		.order = alloc_zero(count, sizeof(struct mail_delivery *)),
		.accounts = alloc_zero(count, sizeof(struct id)),
	};
	for (size_t i = 0; i < count; i++) {
		deliveries[i].result = 0;
		deliveries[i].err = (struct err){0};
		deliveries[i].uid = 0;
		deliveries[i].was_there = false;
	}
	sort_accounts(&job);
	r = run(&job, err);
	free(job.order);
	free(job.accounts);
	mail_prepared_free(&prepared);
	return r;
}

int mail_room_check(struct mail *mail, struct id account, const struct mail_limits *limits,
	uint64_t bytes, struct err *err)
{
	struct store_account row = {.id = account};
	if (bytes > delivery_max(mail)) {
		(void)err_permanent(err, ERR_LIMIT, "message is larger than %llu bytes",
			(unsigned long long)delivery_max(mail));
		return err_status(err, "5.3.4");
	}
	int r = store_get_account(mail->store, account, &row, err);
	if (r >= 0)
		r = quota_check_account(&row, limits, bytes, 1, err);
	if (r == 0)
		r = quota_reserve(mail, limits, bytes, 1, err);
	if (r == 0)
		quota_release(mail, limits, bytes, 1);
	return r;
}
