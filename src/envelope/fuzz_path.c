/* A path: what is taken is taken again when it is written by us, and can't leave its brackets. */
#include "base/buf.h"
#include "base/must.h"
#include "envelope/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct envelope_path *path)
{
	AUTO(buf_free) struct buf text = BUF(ENVELOPE_PATH_MAX + 2);
	struct envelope_path again;
	buf_add_byte(&text, '<');
	buf_add_slice(&text, path->address);
	buf_add_byte(&text, '>');
	struct slice rest = buf_slice(&text);
	must(!text.failed && envelope_cut_path(&rest, &again) && rest.len == 0);
	must(slice_eq(again.address, path->address) && slice_eq(again.local, path->local) &&
		slice_eq(again.domain, path->domain) && again.is_utf8 == path->is_utf8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice(data, size);
	struct envelope_path path;
	(void)envelope_is_domain(rest);
	if (!envelope_cut_path(&rest, &path))
		return 0;
	must(path.address.len <= ENVELOPE_PATH_MAX);
	for (size_t i = 0; i < path.address.len; i++)
		must((unsigned char)path.address.ptr[i] >= ' ' && path.address.ptr[i] != 127);
	check_again(&path);
	return 0;
}
