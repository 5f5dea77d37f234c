/* Fields by tag, in any order: those that are not known here are passed over, and kept when the
 * entry is written again. */
#include "queue/entry.h"

#include "base/bytes.h"

enum { VERSION = 1 };

enum tag {
	TAG_MESSAGE = 1,
	TAG_FLAGS = 2,
	TAG_ARRIVED = 3,
	TAG_SENDER = 4,
	TAG_BODY = 5,
	TAG_RET = 6,
	TAG_SMTPUTF8 = 7,
	TAG_ENVID = 8,
	TAG_USER = 9,
	TAG_SESSION = 10,
	TAG_RECIPIENT = 11,
	TAG_NOTIFY = 12,
	TAG_ORCPT = 13,
	TAG_ATTEMPTS = 14,
	TAG_TRIED = 15,
	TAG_NEXT = 16,
	TAG_STATUS = 17,
	TAG_REASON = 18,
	TAG_HOST = 19,
	TAG_PLACE = 20,
	TAGS_KNOWN,
};

static void add_text(struct buf *to, enum tag tag, struct slice text)
{
	if (text.len == 0)
		return;
	bytes_add_varint(to, tag);
	bytes_add_counted(to, text);
}

static void add_number(struct buf *to, enum tag tag, uint64_t value)
{
	AUTO(buf_free) struct buf number = BUF(16);
	if (value == 0)
		return;
	bytes_add_varint(&number, value);
	add_text(to, tag, buf_slice(&number));
}

static bool read_number(struct slice bytes, uint64_t *ret_value)
{
	return bytes_cut_varint(&bytes, ret_value) && bytes.len == 0;
}

static bool read_time(struct slice bytes, int64_t *ret_ms)
{
	uint64_t value;
	if (!read_number(bytes, &value) || value > INT64_MAX)
		return false;
	*ret_ms = (int64_t)value;
	return true;
}

static bool read_small(struct slice bytes, unsigned max, unsigned *ret_value)
{
	uint64_t value;
	if (!read_number(bytes, &value) || value > max)
		return false;
	*ret_value = (unsigned)value;
	return true;
}

static bool read_id(struct slice bytes, struct id *ret_id)
{
	if (bytes.len != ID_SIZE)
		return false;
	memcpy(ret_id->bytes, bytes.ptr, ID_SIZE);
	return true;
}

/* Where a field of text belongs; NULL: it is none. */
static struct slice *text_of(struct queue_entry *e, uint64_t tag)
{
	switch (tag) {
	case TAG_SENDER:
		return &e->sender;
	case TAG_ENVID:
		return &e->envid;
	case TAG_USER:
		return &e->user;
	case TAG_SESSION:
		return &e->session;
	case TAG_RECIPIENT:
		return &e->recipient;
	case TAG_ORCPT:
		return &e->orcpt;
	case TAG_STATUS:
		return &e->status;
	case TAG_REASON:
		return &e->reason;
	case TAG_HOST:
		return &e->host;
	case TAG_PLACE:
		return &e->place;
	default:
		return NULL;
	}
}

static bool read_field(struct queue_entry *e, uint64_t tag, struct slice value)
{
	unsigned small = 0;
	bool good = true;
	struct slice *text = text_of(e, tag);
	if (text) {
		*text = value;
		return true;
	}
	switch (tag) {
	case TAG_MESSAGE:
		return read_id(value, &e->message);
	case TAG_FLAGS:
		return read_small(value, UINT16_MAX, &e->flags);
	case TAG_ARRIVED:
		return read_time(value, &e->arrived_ms);
	case TAG_TRIED:
		return read_time(value, &e->tried_ms);
	case TAG_NEXT:
		return read_time(value, &e->next_ms);
	case TAG_ATTEMPTS:
		return read_number(value, &e->attempts);
	case TAG_NOTIFY:
		return read_small(value, UINT8_MAX, &e->notify);
	case TAG_BODY:
		good = read_small(value, ENVELOPE_BINARYMIME, &small);
		e->body = (enum envelope_body)small;
		return good;
	case TAG_RET:
		good = read_small(value, ENVELOPE_RET_HDRS, &small);
		e->ret = (enum envelope_ret)small;
		return good;
	case TAG_SMTPUTF8:
		good = read_small(value, 1, &small);
		e->smtputf8 = small;
		return good;
	default: /* of a later version */
		return true;
	}
}

static bool cut_field(struct slice *rest, uint64_t *ret_tag, struct slice *ret_value)
{
	return bytes_cut_varint(rest, ret_tag) && bytes_cut_counted(rest, ret_value);
}

static bool cut_version(struct slice *rest)
{
	struct slice version;
	return bytes_cut(rest, 1, &version) && version.ptr[0] == VERSION;
}

bool queue_entry_read(struct slice data, struct queue_entry *ret_entry)
{
	struct slice value;
	uint64_t tag;
	*ret_entry = (struct queue_entry){0};
	if (data.len > QUEUE_ENTRY_MAX || !cut_version(&data))
		return false;
	while (data.len > 0)
		if (!cut_field(&data, &tag, &value) || !read_field(ret_entry, tag, value))
			return false;
	return !id_is_none(ret_entry->message) && ret_entry->recipient.len > 0;
}

static void keep_unknown(struct slice old, struct buf *to)
{
	struct slice value;
	uint64_t tag;
	if (!cut_version(&old))
		return;
	while (old.len > 0 && cut_field(&old, &tag, &value))
		if (tag >= TAGS_KNOWN) {
			bytes_add_varint(to, tag);
			bytes_add_counted(to, value);
		}
}

void queue_entry_write(const struct queue_entry *e, struct slice old, struct buf *to)
{
	buf_add_byte(to, VERSION);
	add_text(to, TAG_MESSAGE, id_slice(&e->message));
	add_number(to, TAG_FLAGS, e->flags);
	add_number(to, TAG_ARRIVED, (uint64_t)e->arrived_ms);
	add_text(to, TAG_SENDER, e->sender);
	add_number(to, TAG_BODY, e->body);
	add_number(to, TAG_RET, e->ret);
	add_number(to, TAG_SMTPUTF8, e->smtputf8);
	add_text(to, TAG_ENVID, e->envid);
	add_text(to, TAG_USER, e->user);
	add_text(to, TAG_SESSION, e->session);
	add_text(to, TAG_RECIPIENT, e->recipient);
	add_number(to, TAG_NOTIFY, e->notify);
	add_text(to, TAG_ORCPT, e->orcpt);
	add_number(to, TAG_ATTEMPTS, e->attempts);
	add_number(to, TAG_TRIED, (uint64_t)e->tried_ms);
	add_number(to, TAG_NEXT, (uint64_t)e->next_ms);
	add_text(to, TAG_STATUS, e->status);
	add_text(to, TAG_REASON, slice_sub(e->reason, 0, QUEUE_REASON_MAX));
	add_text(to, TAG_HOST, e->host);
	add_text(to, TAG_PLACE, slice_sub(e->place, 0, QUEUE_PLACE_MAX));
	keep_unknown(old, to);
}
