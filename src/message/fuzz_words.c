/* Encoded words, folding and base subjects: always valid UTF-8. The first line names a charset for
 * the rest. */
#include "base/must.h"
#include "message/charset.h"
#include "message/header.h"
#include "message/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf out = BUF(16u << 20), more = BUF(64u << 20);
	struct slice rest = slice(data, size);
	if (size == 0)
		return 0;
	message_decode_value(rest, &out);
	must(utf8_is_valid(buf_slice(&out)));
	message_base_subject(buf_slice(&out), &more);
	charset_fold(buf_slice(&out), &more);
	must(utf8_is_valid(buf_slice(&more)));
	buf_clear(&out);
	struct slice charset = slice_cut(&rest, '\n');
	if (charset_to_utf8(charset, rest, &out))
		must(utf8_is_valid(buf_slice(&out)));
	return 0;
}
