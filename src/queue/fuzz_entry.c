/* Entries as they may come from a damaged disk, and places that operators type. What parses comes
 * back the same when written again. */
#include "base/must.h"
#include "queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice(data, size);
	AUTO(buf_free) struct buf once = BUF(2 * QUEUE_ENTRY_MAX), twice = BUF(2 * QUEUE_ENTRY_MAX);
	struct queue_entry entry, again;
	struct queue_place place, same;
	char name[QUEUE_NAME_SIZE];
	if (queue_place_read(bytes, &place)) {
		queue_place_name(place, name);
		must(queue_place_read(slice_str(name), &same) && same.number == place.number);
	}
	if (!queue_entry_read(bytes, &entry))
		return 0;
	queue_entry_write(&entry, bytes, &once);
	if (once.len > QUEUE_ENTRY_MAX)
		return 0;
	must(queue_entry_read(buf_slice(&once), &again));
	must(id_eq(again.message, entry.message) && slice_eq(again.recipient, entry.recipient));
	queue_entry_write(&again, buf_slice(&once), &twice);
	must(slice_eq(buf_slice(&once), buf_slice(&twice)));
	return 0;
}
