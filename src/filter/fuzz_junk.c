/* Marks of spam filters: once they are taken out, there are none. */
#include "base/must.h"
#include "filter/junk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice NAMES = {.ptr = "X-Spam X-Spam-Flag", .len = 18};
	AUTO(buf_free) struct buf to = BUF(SIZE_MAX);
	struct slice header = slice(data, size);
	bool marked = filter_junk_is_marked(header, NAMES);
	size_t removed = filter_junk_remove(header, NAMES, &to);
	must(!marked || removed > 0);
	must(removed > 0 ? to.len < size : to.len == 0);
	must(!filter_junk_is_marked(buf_slice(&to), NAMES));
	return 0;
}
