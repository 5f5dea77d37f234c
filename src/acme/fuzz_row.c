/* Rows as they lie on the disk: what is read is written again as the same. */
#include "acme/row.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct acme_row *a, const struct acme_row *b)
{
	return slice_eq(a->chain, b->chain) && slice_eq(a->key, b->key) &&
	       slice_eq(a->names, b->names) && slice_eq(a->directory, b->directory) &&
	       slice_eq(a->order_url, b->order_url) && slice_eq(a->order_key, b->order_key) &&
	       slice_eq(a->order_names, b->order_names) &&
	       slice_eq(a->order_directory, b->order_directory) && a->had_ms == b->had_ms &&
	       a->tried_ms == b->tried_ms && a->next_ms == b->next_ms && a->failures == b->failures;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf written = BUF(size + 256);
	struct acme_row row, again;
	struct acme_answer_row answer, answer_again;
	if (acme_row_read(slice(data, size), &row)) {
		acme_row_write(&row, &written);
		must(acme_row_read(buf_slice(&written), &again) && same(&row, &again));
	}
	buf_clear(&written);
	if (acme_answer_row_read(slice(data, size), &answer)) {
		acme_answer_row_write(&answer, &written);
		must(acme_answer_row_read(buf_slice(&written), &answer_again));
		must(slice_eq(answer.key_authorization, answer_again.key_authorization));
	}
	return 0;
}
