/* Line ends: cutting the input changes nothing, and normal output stays as it is. */
#include "base/must.h"
#include "message/crlf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	for (int bare_cr = 0; bare_cr < 2; bare_cr++) {
		AUTO(buf_free) struct buf whole = BUF(size * 2 + 2), pieces = BUF(size * 2 + 2);
		struct message_crlf one = MESSAGE_CRLF(bare_cr), two = MESSAGE_CRLF(bare_cr);
		message_crlf_feed(&one, slice(data, size), &whole);
		message_crlf_end(&one, &whole);
		for (size_t at = 0, step = data[0] % 67 + 1; at < size; at += step)
			message_crlf_feed(&two, slice_sub(slice(data, size), at, step), &pieces);
		message_crlf_end(&two, &pieces);
		must(!whole.failed && slice_eq(buf_slice(&whole), buf_slice(&pieces)));
		must(message_crlf_is_normal(buf_slice(&whole), bare_cr));
	}
	return 0;
}
