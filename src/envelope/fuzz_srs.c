/* A rewritten sender: whatever is a path can be written and leads back to itself; nothing that was
 * not written by us leads anywhere. */
#include "base/buf.h"
#include "base/must.h"
#include "envelope/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t NOW = 1764000000;
static const struct slice SECRET = {.ptr = "a secret", .len = 8};

static void there_and_back(const struct envelope_path *path)
{
	AUTO(buf_free) struct buf written = BUF(ENVELOPE_PATH_MAX), back = BUF(ENVELOPE_PATH_MAX);
	struct envelope_path ours, once, again;
	if (!envelope_srs_write(path, SLICE("ours.test"), SECRET, NOW, &written))
		return;
	must(envelope_parse_address(buf_slice(&written), &ours));
	must(envelope_srs_read(ours.local, &SECRET, 1, NOW, &back) == ENVELOPE_SRS_GOOD);
	must(envelope_parse_address(buf_slice(&back), &once));
	if (slice_starts(ours.local, SLICE("SRS0")))
		must(slice_eq(buf_slice(&back), path->address));
	buf_clear(&written);
	if (envelope_srs_write(&once, SLICE("ours.test"), SECRET, NOW, &written))
		must(envelope_parse_address(buf_slice(&written), &again) &&
			slice_eq(again.address, ours.address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf to = BUF(ENVELOPE_PATH_MAX);
	struct slice text = slice(data, size);
	struct envelope_path path;
	must(envelope_srs_read(text, &SECRET, 1, NOW, &to) != ENVELOPE_SRS_GOOD);
	must(to.len == 0);
	if (envelope_parse_address(text, &path))
		there_and_back(&path);
	return 0;
}
