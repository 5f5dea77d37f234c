/* A whole message through verification, with the keys of test_keys.c; what holds still holds with
 * white space at its end. */
#include "base/buf.h"
#include "base/must.h"
#include "filter/dkim_verify.h"
#include "filter/test_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify(struct slice text, struct arena *arena, struct filter_dkim_results *results)
{
	struct test_keys keys = test_keys_of(TEST_KEYS);
	struct filter_message message = filter_message_of(text);
	filter_dkim_verify(&message, &keys.dns, 1528637909, arena, results);
	must(results->count <= FILTER_DKIM_SIGNATURES_MAX && keys.questions <= results->count);
	must(!results->more || results->count == FILTER_DKIM_SIGNATURES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf longer = BUF(size + 16);
	struct filter_dkim_results results, again;
	struct slice text = slice(data, size);
	verify(text, &arena, &results);
	size_t header = message_header_len(text);
	if (header == size || !slice_ends(text, SLICE("\r\n")))
		return 0;
	buf_add_slice(&longer, text);
	buf_add_str(&longer, "\r\n\r\n");
	verify(buf_slice(&longer), &arena, &again);
	must(results.count == again.count);
	for (size_t i = 0; i < results.count; i++) {
		struct filter_dkim_verdict one = results.list[i].verdict;
		must(one.status != FILTER_DKIM_NONE);
		must((one.status == FILTER_DKIM_PASS) == (one.reason[0] == '\0'));
		must(one.status == again.list[i].verdict.status);
	}
	return 0;
}
