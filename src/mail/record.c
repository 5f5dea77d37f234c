/* The bytes of docs/formats/mail.md. Signed numbers are zigzag varints. */
#include "mail/record_internal.h"

#include "base/bytes.h"
#include "mail/keywords_internal.h"
#include "mail/learn.h"

enum { RECORD_VERSION = 1, BOX_VERSION = 1, FACET_VERSION = 1, FACET_TEXTS_ARE_WHOLE = 1 };
enum { LEARN_VERSION = 1 };

static void add_signed(struct buf *to, int64_t value)
{
	bytes_add_varint(to, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static bool cut_signed(struct slice *rest, int64_t *ret_value)
{
	uint64_t v;
	if (!bytes_cut_varint(rest, &v))
		return false;
	*ret_value = (int64_t)(v >> 1 ^ (0 - (v & 1)));
	return true;
}

static bool cut_u32(struct slice *rest, uint32_t *ret_value)
{
	uint64_t v;
	if (!bytes_cut_varint(rest, &v) || v > UINT32_MAX)
		return false;
	*ret_value = (uint32_t)v;
	return true;
}

static bool cut_version(struct slice *rest, char version)
{
	struct slice byte;
	return bytes_cut(rest, 1, &byte) && byte.ptr[0] == version;
}

void mail_record_write(const struct mail_record *record, struct buf *to)
{
	buf_add_byte(to, RECORD_VERSION);
	buf_add_byte(to, (char)record->flags);
	add_signed(to, record->internal_date.seconds);
	add_signed(to, record->internal_date.zone_minutes);
	add_signed(to, record->saved);
	bytes_add_varint(to, record->header_len);
	bytes_add_varint(to, record->keywords.count);
	for (uint32_t i = 0; i < record->keywords.count; i++)
		bytes_add_counted(to, record->keywords.names[i]);
}

bool mail_record_read(struct slice data, struct mail_record *ret_record)
{
	struct slice flags;
	int64_t zone;
	uint32_t count;
	if (!cut_version(&data, RECORD_VERSION) || !bytes_cut(&data, 1, &flags) ||
		!cut_signed(&data, &ret_record->internal_date.seconds) ||
		!cut_signed(&data, &zone) || zone < INT16_MIN || zone > INT16_MAX ||
		!cut_signed(&data, &ret_record->saved) ||
		!cut_u32(&data, &ret_record->header_len) || !cut_u32(&data, &count) ||
		count > MAIL_KEYWORDS_MAX || (flags.ptr[0] & ~MAIL_FLAGS_ALL) != 0)
		return false;
	ret_record->flags = (uint8_t)flags.ptr[0];
	ret_record->internal_date.zone_minutes = (int16_t)zone;
	for (uint32_t i = 0; i < count; i++)
		if (!bytes_cut_counted(&data, &ret_record->names[i]) ||
			ret_record->names[i].len == 0 ||
			ret_record->names[i].len > MAIL_KEYWORD_LEN_MAX ||
			(i > 0 && mail_keyword_cmp(
					  ret_record->names[i - 1], ret_record->names[i]) >= 0))
			return false;
	ret_record->keywords = (struct mail_keywords){.count = count, .names = ret_record->names};
	return data.len == 0;
}

void mail_box_record_write(const struct mail_box_record *record, struct buf *to)
{
	buf_add_byte(to, BOX_VERSION);
	bytes_add_varint(to, record->uid_validity);
	bytes_add_varint(to, record->uses);
	bytes_add_varint(to, record->unseen);
	bytes_add_varint(to, record->deleted);
}

bool mail_box_record_read(struct slice data, struct mail_box_record *ret_record)
{
	return cut_version(&data, BOX_VERSION) && cut_u32(&data, &ret_record->uid_validity) &&
	       ret_record->uid_validity > 0 && cut_u32(&data, &ret_record->uses) &&
	       bytes_cut_varint(&data, &ret_record->unseen) &&
	       bytes_cut_varint(&data, &ret_record->deleted) && data.len == 0;
}

void mail_facet_record_write(const struct mail_facet_record *record, struct buf *to)
{
	buf_add_byte(to, FACET_VERSION);
	buf_add_byte(to, record->texts_are_whole ? FACET_TEXTS_ARE_WHOLE : 0);
	bytes_add_counted(to, record->envelope);
	bytes_add_counted(to, record->structure);
}

bool mail_facet_record_read(struct slice data, struct mail_facet_record *ret_record)
{
	struct slice bits;
	if (!cut_version(&data, FACET_VERSION) || !bytes_cut(&data, 1, &bits) ||
		(bits.ptr[0] & ~FACET_TEXTS_ARE_WHOLE) != 0 ||
		!bytes_cut_counted(&data, &ret_record->envelope) ||
		!bytes_cut_counted(&data, &ret_record->structure) || data.len > 0)
		return false;
	ret_record->texts_are_whole = bits.ptr[0] & FACET_TEXTS_ARE_WHOLE;
	return true;
}

void mail_learn_record_write(const struct mail_learn_record *record, struct buf *to)
{
	buf_add_byte(to, LEARN_VERSION);
	buf_add_byte(to, (char)record->as);
	bytes_add_varint(to, record->tries);
	add_signed(to, record->noted);
	add_signed(to, record->due);
}

bool mail_learn_record_read(struct slice data, struct mail_learn_record *ret_record)
{
	struct slice as;
	if (!cut_version(&data, LEARN_VERSION) || !bytes_cut(&data, 1, &as) ||
		(as.ptr[0] != MAIL_LEARN_SPAM && as.ptr[0] != MAIL_LEARN_HAM) ||
		!cut_u32(&data, &ret_record->tries) || !cut_signed(&data, &ret_record->noted) ||
		!cut_signed(&data, &ret_record->due))
		return false;
	ret_record->as = (unsigned)as.ptr[0];
	return data.len == 0;
}
