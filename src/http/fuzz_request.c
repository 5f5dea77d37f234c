/* Requests: what is taken and written anew is one head, which we would take again, with the same
 * method, target and framing. */
#include "base/must.h"
#include "http/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_token_or_visible(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || (unsigned char)text.ptr[i] >= 127)
			return false;
	return text.len > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice(data, size);
	struct http_scan scan = {0};
	struct http_request r, s;
	struct http_refusal refusal;
	size_t len, again_len;
	if (http_scan(&scan, input, &len) != HTTP_WHOLE)
		return 0;
	must(len <= size);
	if (!http_request_read(slice(data, len), &r, &refusal)) {
		must(refusal.status >= 400 && refusal.text);
		return 0;
	}
	must(is_token_or_visible(r.method) && is_token_or_visible(r.target));
	struct http_client client = {.ttl = 5};
	(void)!http_client_read(&r.head, &client);
	AUTO(buf_free) struct buf again = BUF(8 * size + 4096);
	struct http_request_changes changes = {.client = &client, .host = SLICE("a")};
	http_request_write(&r, &changes, &again);
	must(!again.failed);
	scan = (struct http_scan){0};
	must(http_scan(&scan, buf_slice(&again), &again_len) == HTTP_WHOLE);
	must(again_len == again.len);
	if (r.head.field_count > HTTP_FIELDS_MAX - 8)
		return 0;
	must(http_request_read(buf_slice(&again), &s, &refusal));
	must(slice_eq(r.method, s.method) && slice_eq(r.target, s.target));
	must(r.head.framing == s.head.framing && r.head.length == s.head.length);
	must(slice_eq(r.authorization, s.authorization) && s.head.upgrade.len == 0);
	return 0;
}
