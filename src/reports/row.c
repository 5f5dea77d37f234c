/* A version byte first, then fields in a fixed order: numbers are varints, texts are counted. */
#include "reports/row.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "filter/digest.h"

enum { VERSION = 1, HASH_SIZE = 20, DAY_TEXT = 10 };

const char *reports_kind_name(enum reports_kind kind)
{
	return kind == REPORTS_DMARC ? "dmarc" : "tls";
}

static bool cut_version(struct slice *data)
{
	struct slice version;
	return bytes_cut(data, 1, &version) && version.ptr[0] == VERSION;
}

static bool cut_time(struct slice *data, int64_t *ret_seconds)
{
	uint64_t value;
	if (!bytes_cut_varint(data, &value) || value > INT64_MAX / 1000)
		return false;
	*ret_seconds = (int64_t)value;
	return true;
}

bool reports_row_read(struct slice data, struct reports_row *ret_row)
{
	if (!cut_version(&data) || !bytes_cut_varint(&data, &ret_row->good) ||
		!bytes_cut_varint(&data, &ret_row->bad))
		return false;
	ret_row->key = data;
	return data.len > 0;
}

void reports_row_write(const struct reports_row *row, struct buf *to)
{
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, row->good);
	bytes_add_varint(to, row->bad);
	buf_add_slice(to, row->key);
}

void reports_row_name(struct slice key, char ret_name[REPORTS_ROW_NAME])
{
	unsigned char hash[FILTER_DIGEST_LEN];
	struct filter_digest digest = filter_digest_new();
	filter_digest_add(&digest, key);
	filter_digest_end(&digest, hash);
	for (size_t i = 0; i < HASH_SIZE; i++)
		(void)snprintf(ret_name + 2 * i, 3, "%02x", hash[i]);
}

bool reports_head_read(struct slice data, struct reports_head *ret_head)
{
	struct reports_head *h = ret_head;
	return cut_version(&data) && cut_time(&data, &h->begin) &&
	       bytes_cut_varint(&data, &h->good) && bytes_cut_varint(&data, &h->bad) &&
	       bytes_cut_varint(&data, &h->attempts) && cut_time(&data, &h->first_s) &&
	       cut_time(&data, &h->next_s) && bytes_cut_counted(&data, &h->about) && data.len == 0;
}

void reports_head_write(const struct reports_head *h, struct buf *to)
{
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, (uint64_t)h->begin);
	bytes_add_varint(to, h->good);
	bytes_add_varint(to, h->bad);
	bytes_add_varint(to, h->attempts);
	bytes_add_varint(to, (uint64_t)h->first_s);
	bytes_add_varint(to, (uint64_t)h->next_s);
	bytes_add_counted(to, h->about);
}

bool reports_sent_read(struct slice data, struct reports_sent *ret_sent)
{
	return cut_version(&data) && cut_time(&data, &ret_sent->end) &&
	       cut_time(&data, &ret_sent->sent_s) && bytes_cut_counted(&data, &ret_sent->id) &&
	       data.len == 0;
}

void reports_sent_write(const struct reports_sent *sent, struct buf *to)
{
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, (uint64_t)sent->end);
	bytes_add_varint(to, (uint64_t)sent->sent_s);
	bytes_add_counted(to, sent->id);
}

void reports_name_write(const struct reports_name *name, char ret_text[REPORTS_NAME_MAX])
{
	struct clock_date d = clock_to_date(name->day);
	(void)snprintf(ret_text, REPORTS_NAME_MAX, "%04d-%02d-%02d %s %.*s", (int)d.year, d.month,
		d.day, reports_kind_name(name->kind), SLICE_ARG(name->domain));
}

static bool read_day(struct slice text, int64_t *ret_day)
{
	uint64_t parts[3];
	static const uint64_t MOST[] = {9999, 12, 31};
	for (int i = 0; i < 3; i++)
		if (!slice_to_u64(slice_cut(&text, '-'), MOST[i], &parts[i]) || parts[i] == 0)
			return false;
	struct clock_date date = {
		.year = (int64_t)parts[0], .month = (int)parts[1], .day = (int)parts[2]};
	*ret_day = clock_from_date(&date);
	return text.len == 0;
}

bool reports_name_read(struct slice text, struct reports_name *ret_name)
{
	struct slice day = slice_cut(&text, ' '), kind = slice_cut(&text, ' ');
	if (day.len != DAY_TEXT || !read_day(day, &ret_name->day))
		return false;
	ret_name->kind = slice_eq(kind, SLICE("dmarc")) ? REPORTS_DMARC : REPORTS_TLS;
	ret_name->domain = text;
	return text.len > 0 && slice_eq(kind, slice_str(reports_kind_name(ret_name->kind)));
}
