/* Rows as they may come from a damaged disk. What parses must come back the same when written again
 * and parsed again. The first byte chooses the kind of row. */
#include "store/row.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_account(struct slice row)
{
	struct store_account account = {.created = 0}, again;
	uint64_t collections, more;
	AUTO(buf_free) struct buf written = BUF(ROW_MAX);
	if (!row_get_account(row, &account, &collections))
		return;
	row_add_account(&written, &account, collections);
	must(row_get_account(buf_slice(&written), &again, &more));
	must(again.change == account.change && again.bytes == account.bytes && more == collections);
}

static void fuzz_collection(struct slice row)
{
	struct store_collection collection, again;
	AUTO(buf_free) struct buf written = BUF(ROW_MAX);
	if (!row_get_collection(row, &collection))
		return;
	row_add_collection(&written, &collection);
	must(row_get_collection(buf_slice(&written), &again));
	must(again.kind == collection.kind && again.next_number == collection.next_number);
	must(slice_eq(again.name, collection.name) && slice_eq(again.data, collection.data));
}

static void fuzz_object(struct slice row)
{
	struct store_object object, again;
	AUTO(buf_free) struct buf written = BUF(ROW_MAX);
	if (!row_get_object(row, &object))
		return;
	row_add_object(&written, &object);
	must(row_get_object(buf_slice(&written), &again));
	must(again.change == object.change && again.flags == object.flags);
	must(id_eq(again.id, object.id) && id_eq(again.origin, object.origin));
	must(slice_eq(again.data, object.data));
}

static void fuzz_batch(struct slice rest)
{
	struct slice key, value;
	enum store_op op;
	bool bad;
	while (store_batch_next(&rest, &op, &key, &value, &bad))
		must(key.len > 0 && key.len <= STORE_KEY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice row = slice(data, size);
	struct id id;
	bool gone;
	enum store_kind kind;
	if (size == 0)
		return 0;
	row = slice_from(row, 1);
	switch (data[0]) {
	case 'a':
		fuzz_account(row);
		break;
	case 'k':
		fuzz_collection(row);
		break;
	case 'o':
		fuzz_object(row);
		break;
	case 'c':
		(void)!row_get_change(row, &gone, &id);
		break;
	case 'd':
		(void)!row_get_gone_collection(row, &kind);
		break;
	default:
		fuzz_batch(row);
	}
	return 0;
}
