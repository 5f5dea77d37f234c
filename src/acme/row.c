/* A version, numbers, then counted bytes. */
#include "acme/row.h"

#include "base/bytes.h"

enum { VERSION = 1 };

static bool cut_version(struct slice *rest)
{
	struct slice version;
	return bytes_cut(rest, 1, &version) && version.ptr[0] == VERSION;
}

static bool cut_ms(struct slice *rest, int64_t *ret)
{
	uint64_t number;
	if (!bytes_cut_varint(rest, &number) || number > INT64_MAX)
		return false;
	*ret = (int64_t)number;
	return true;
}

bool acme_row_read(struct slice data, struct acme_row *row)
{
	struct slice *const texts[] = {&row->chain, &row->key, &row->names, &row->directory,
		&row->order_url, &row->order_key, &row->order_names, &row->order_directory,
		&row->error};
	*row = (struct acme_row){0};
	if (!cut_version(&data) || !cut_ms(&data, &row->had_ms) || !cut_ms(&data, &row->tried_ms) ||
		!cut_ms(&data, &row->next_ms) || !bytes_cut_varint(&data, &row->failures))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!bytes_cut_counted(&data, texts[i]))
			return false;
	return true;
}

void acme_row_write(const struct acme_row *row, struct buf *to)
{
	const struct slice texts[] = {row->chain, row->key, row->names, row->directory,
		row->order_url, row->order_key, row->order_names, row->order_directory,
		slice_sub(row->error, 0, ACME_ERROR_MAX)};
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, (uint64_t)row->had_ms);
	bytes_add_varint(to, (uint64_t)row->tried_ms);
	bytes_add_varint(to, (uint64_t)row->next_ms);
	bytes_add_varint(to, row->failures);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		bytes_add_counted(to, texts[i]);
}

bool acme_answer_row_read(struct slice data, struct acme_answer_row *row)
{
	*row = (struct acme_answer_row){0};
	return cut_version(&data) && cut_ms(&data, &row->made_ms) &&
	       bytes_cut_counted(&data, &row->name) &&
	       bytes_cut_counted(&data, &row->key_authorization);
}

void acme_answer_row_write(const struct acme_answer_row *row, struct buf *to)
{
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, (uint64_t)row->made_ms);
	bytes_add_counted(to, row->name);
	bytes_add_counted(to, row->key_authorization);
}
