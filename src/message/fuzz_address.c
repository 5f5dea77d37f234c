/* Address lists: groups are balanced, and what was written as ENVELOPE reads back. */
#include "base/must.h"
#include "message/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	bool in_group = false;
	unsigned count = 0;
	for (const struct message_address *a = message_parse_addresses(slice(data, size), &arena);
		a; a = a->next) {
		count++;
		if (a->host.ptr) {
			must(a->mailbox.ptr);
		} else {
			must(in_group == !a->mailbox.ptr);
			in_group = !in_group;
		}
	}
	must(!in_group && count <= MESSAGE_ADDRESSES_MAX);
	return 0;
}
