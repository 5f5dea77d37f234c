/* What mail keeps in the store's fields, read from any bytes: what is read is written and read
 * again the same. */
#include "base/must.h"
#include "mail/record_internal.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_message(struct slice bytes)
{
	AUTO(buf_free) struct buf written = BUF(MAIL_RECORD_MAX);
	struct mail_record record, again;
	if (!mail_record_read(bytes, &record))
		return;
	mail_record_write(&record, &written);
	must(!written.failed && mail_record_read(buf_slice(&written), &again));
	must(again.flags == record.flags && again.saved == record.saved &&
		again.internal_date.seconds == record.internal_date.seconds &&
		again.internal_date.zone_minutes == record.internal_date.zone_minutes &&
		again.header_len == record.header_len &&
		again.keywords.count == record.keywords.count);
	for (uint32_t i = 0; i < record.keywords.count; i++)
		must(slice_eq(again.keywords.names[i], record.keywords.names[i]));
}

static void try_mailbox(struct slice bytes)
{
	AUTO(buf_free) struct buf written = BUF(MAIL_BOX_RECORD_MAX);
	struct mail_box_record record, again;
	if (!mail_box_record_read(bytes, &record))
		return;
	mail_box_record_write(&record, &written);
	must(!written.failed && mail_box_record_read(buf_slice(&written), &again));
	must(again.uid_validity == record.uid_validity && again.uses == record.uses &&
		again.unseen == record.unseen && again.deleted == record.deleted);
}

static void try_facet(struct slice bytes)
{
	AUTO(buf_free) struct buf written = BUF(bytes.len + 32);
	struct mail_facet_record record, again;
	if (!mail_facet_record_read(bytes, &record))
		return;
	mail_facet_record_write(&record, &written);
	must(!written.failed && mail_facet_record_read(buf_slice(&written), &again));
	must(slice_eq(again.envelope, record.envelope) &&
		slice_eq(again.structure, record.structure) &&
		again.texts_are_whole == record.texts_are_whole);
}

static void try_lesson(struct slice bytes)
{
	AUTO(buf_free) struct buf written = BUF(MAIL_LEARN_RECORD_MAX);
	struct mail_learn_record record, again;
	if (!mail_learn_record_read(bytes, &record))
		return;
	mail_learn_record_write(&record, &written);
	must(!written.failed && mail_learn_record_read(buf_slice(&written), &again));
	must(again.as == record.as && again.tries == record.tries && again.noted == record.noted &&
		again.due == record.due);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice(data, size);
	try_message(bytes);
	try_mailbox(bytes);
	try_facet(bytes);
	try_lesson(bytes);
	return 0;
}
