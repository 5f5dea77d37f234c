/* Reading one message or many. */
#include "mail/message.h"
#include "mail/mail_internal.h"
#include "mail/record_internal.h"

static int damaged(struct err *err, uint32_t uid)
{
	return err_temporary(err, ERR_DAMAGED, "message with UID %u: its row can't be read", uid);
}

static void fill(const struct store_object *object, const struct mail_record *record,
	struct mail_message *ret_message)
{
	*ret_message = (struct mail_message){
		.id = object->id,
		.blob = object->blob,
		.uid = object->number,
		.size = (uint32_t)object->blob_len,
		.header_len = record->header_len,
		.modseq = object->change,
		.internal_date = record->internal_date,
		.saved = record->saved,
		.flags = record->flags,
		.keywords = record->keywords,
	};
}

int mail_message_get(struct mail *mail, struct id account, struct id mailbox, uint32_t uid,
	struct arena *arena, struct mail_message *ret_message, struct err *err)
{
	struct store_object object;
	struct mail_record *record = ARENA_NEW(arena, struct mail_record);
	int r = store_get_object(mail->store, account, mailbox, uid, arena, &object, err);
	if (r != 0)
		return r == STORE_ABSENT ? MAIL_ABSENT : r;
	if (!mail_record_read(object.data, record))
		return damaged(err, uid);
	fill(&object, record, ret_message);
	return 0;
}

struct message_scan {
	bool (*visit)(void *context, const struct mail_message *message);
	void *context;
	struct mail_record record;
	uint32_t damaged_uid;
};

static bool visit_object(void *context, const struct store_object *object)
{
	struct message_scan *scan = context;
	struct mail_message message;
	if (!mail_record_read(object->data, &scan->record)) {
		scan->damaged_uid = object->number;
		return false;
	}
	fill(object, &scan->record, &message);
	return scan->visit(scan->context, &message);
}

int mail_message_scan(struct mail *mail, struct id account, struct id mailbox, uint32_t first,
	uint32_t last, bool (*visit)(void *context, const struct mail_message *message),
	void *context, struct err *err)
{
	struct message_scan scan = {.visit = visit, .context = context};
	int r = store_scan_objects(
		mail->store, account, mailbox, first, last, visit_object, &scan, err);
	if (r == 0 && scan.damaged_uid)
		return damaged(err, scan.damaged_uid);
	return r == STORE_ABSENT ? MAIL_ABSENT : r;
}

int mail_message_read(struct mail *mail, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err)
{
	char text[ID_TEXT_SIZE + 1];
	int r = store_read_blob(mail->store, blob, offset, len, to, err);
	if (r < 0) {
		id_to_text(blob, text);
		return err_prefix(err, "message body %s", text);
	}
	return r == STORE_ABSENT ? MAIL_ABSENT : r;
}
