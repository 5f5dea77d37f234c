/* APPEND: one or more messages into one mailbox. */
#include "mail/box_internal.h"
#include "mail/change.h"
#include "mail/mail_internal.h"
#include "mail/prepare_internal.h"
#include "mail/quota_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

static int add_one(struct store_write *write, struct mail_box *box, const struct mail_new *message,
	const struct mail_prepared *prepared, size_t nth, struct mail_added *added, struct err *err)
{
	struct store_object object = {.blob = store_write_blob(write, message->bytes)};
	struct mail_record record = {
		.flags = message->flags & MAIL_FLAGS_ALL,
		.internal_date = message->internal_date,
		.saved = clock_wall(),
		.header_len = prepared->header_len,
		.keywords = message->keywords,
	};
	int r = mail_box_add(write, box, &record, mail_prepared_facet(prepared), &object, err);
	if (r == 0 && nth == 0)
		*added = (struct mail_added){.uid_validity = box->record.uid_validity,
			.first_uid = object.number,
			.step = 1,
			.change = object.change};
	else if (r == 0 && nth == 1)
		added->step = object.number - added->first_uid;
	return r;
}

static int append(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_limits *limits, const struct mail_new *messages,
	const struct mail_prepared *prepared, size_t count, uint64_t bytes,
	struct mail_added *ret_added, struct err *err)
{
	struct store_write *write;
	struct mail_box box;
	const struct store_account *row;
	int r = mail_box_begin(mail, account, mailbox, &write, &box, err);
	if (r < 0)
		return r;
	r = store_write_account(write, account, &row, err);
	if (r == 0)
		r = quota_check_account(row, limits, bytes, count, err);
	*ret_added = (struct mail_added){0};
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_one(write, &box, &messages[i], &prepared[i], i, ret_added, err);
	if (r != 0) {
		store_write_abort(write);
		return r;
	}
	mail_box_save(write, &box);
	return quota_commit(mail, write, &account, 1, err);
}

int mail_append(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_limits *limits, const struct mail_new *messages, size_t count,
	struct mail_added *ret_added, struct err *err)
{
	struct mail_prepared *prepared = alloc_zero(count, sizeof(*prepared));
	uint64_t bytes = 0;
	int r = count > 0 ? 0 : err_bug(err, "nothing to append");
	size_t done = 0;
	for (; r == 0 && done < count; done++) {
		bytes += messages[done].bytes.len;
		r = mail_prepare(
			mail_message_max(mail), messages[done].bytes, &prepared[done], err);
	}
	if (r == 0)
		r = quota_reserve(mail, limits, bytes, count, err);
	if (r == 0) {
		r = append(mail, account, mailbox, limits, messages, prepared, count, bytes,
			ret_added, err);
		quota_release(mail, limits, bytes, count);
	}
	for (size_t i = 0; i < done; i++)
		mail_prepared_free(&prepared[i]);
	free(prepared);
	return r;
}

void mail_added_set(const struct mail_added *added, size_t count, struct mail_set *to)
{
	uint32_t uid = added->first_uid;
	for (size_t i = 0; i < count; i++, uid += added->step)
		mail_set_add(to, uid, uid);
}
