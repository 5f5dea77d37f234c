/* Header walks: the fields are the header, byte for byte. */
#include "base/must.h"
#include "message/fields.h"
#include "message/header.h"
#include "message/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf all = BUF(size + 16), others = BUF(size + 16);
	struct slice header = slice(data, size), rest = header, id;
	struct message_field field;
	size_t len = 0;
	while (message_next_field(&rest, &field)) {
		len += field.whole.len;
		struct slice ids = field.value;
		while (message_next_id(&ids, &arena, &id))
			must(id.len >= 1);
	}
	size_t header_len = message_header_len(header);
	must(header_len >= len && header_len - len <= 2);
	must(rest.len == size - header_len);
	struct message_field_names *names =
		message_field_names_new((struct slice[]){SLICE("from"), SLICE("a")}, 2, &arena);
	message_write_fields(names, header, false, &all);
	message_write_fields(names, header, true, &others);
	must(!all.failed && !others.failed && all.len + others.len >= len);
	(void)message_header_value(header, "a", &arena);
	return 0;
}
