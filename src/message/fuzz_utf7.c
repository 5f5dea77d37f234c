/* Mailbox names: each accepted form is the only one of its name. */
#include "base/must.h"
#include "message/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf one = BUF(size * 8 + 16), two = BUF(size * 16 + 16);
	struct slice name = slice(data, size);
	if (utf7_to_utf8(name, &one)) {
		must(utf7_from_utf8(buf_slice(&one), &two));
		must(slice_eq(buf_slice(&two), name));
	}
	buf_clear(&one);
	buf_clear(&two);
	if (utf7_from_utf8(name, &one)) {
		must(utf7_to_utf8(buf_slice(&one), &two));
		must(slice_eq(buf_slice(&two), name));
	}
	return 0;
}
