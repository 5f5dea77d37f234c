/* Answers: what is taken and written anew is one head, of the same status. The first byte chooses
 * the method that was asked with. */
#include "base/must.h"
#include "http/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct slice input = slice(data + 1, size - 1);
	struct slice method = data[0] & 1 ? SLICE("HEAD") : SLICE("GET");
	struct http_scan scan = {0};
	struct http_answer a, b;
	struct http_refusal refusal;
	size_t len, again_len;
	if (http_scan(&scan, input, &len) != HTTP_WHOLE ||
		!http_answer_read(slice(input.ptr, len), method, &a, &refusal))
		return 0;
	AUTO(buf_free) struct buf again = BUF(2 * size + 4096);
	http_answer_write(&a, a.head.framing, !a.head.keeps, &again);
	scan = (struct http_scan){0};
	must(http_scan(&scan, buf_slice(&again), &again_len) == HTTP_WHOLE);
	must(again_len == again.len);
	if (a.head.field_count > HTTP_FIELDS_MAX - 4)
		return 0;
	must(http_answer_read(buf_slice(&again), method, &b, &refusal));
	must(a.status == b.status && a.head.framing == b.head.framing);
	must(a.head.framing != HTTP_LENGTH || a.head.length == b.head.length);
	return 0;
}
