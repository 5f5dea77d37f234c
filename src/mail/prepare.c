/* One parse gives header length, ENVELOPE and BODYSTRUCTURE. */
#include "mail/prepare_internal.h"
#include "mail/record_internal.h"

#include "message/imap_form.h"
#include "message/message.h"

void mail_facet_make(struct slice bytes, uint32_t *ret_header_len, struct buf *to)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf envelope = BUF(to->max), structure = BUF(to->max);
	const struct message_part *root = message_parse(bytes, &arena);
	struct slice header = slice_sub(bytes, root->header_start, root->header_len);
	*ret_header_len = (uint32_t)root->header_len;
	bool texts_are_whole = message_write_envelope(header, &envelope);
	message_write_structure(root, bytes, true, &structure);
	to->failed |= envelope.failed || structure.failed;
	mail_facet_record_write(&(struct mail_facet_record){.texts_are_whole = texts_are_whole,
					.envelope = buf_slice(&envelope),
					.structure = buf_slice(&structure)},
		to);
}

int mail_prepare(
	uint64_t max, struct slice bytes, struct mail_prepared *ret_prepared, struct err *err)
{
	if (bytes.len > max) {
		(void)err_permanent(err, ERR_LIMIT, "message is larger than %llu bytes",
			(unsigned long long)max);
		return err_status(err, "5.3.4");
	}
	*ret_prepared = (struct mail_prepared){.facet = BUF(MAIL_FACET_MAX)};
	mail_facet_make(bytes, &ret_prepared->header_len, &ret_prepared->facet);
	return 0;
}

void mail_prepared_free(struct mail_prepared *prepared)
{
	buf_free(&prepared->facet);
}

struct slice mail_prepared_facet(const struct mail_prepared *prepared)
{
	return prepared->facet.failed ? SLICE_NONE : buf_slice(&prepared->facet);
}
