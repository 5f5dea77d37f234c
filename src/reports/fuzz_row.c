/* Rows, keys and heads as bytes of a store: what can be read is written the same, and its slices
 * lie in it. The first byte says which. */
#include "base/must.h"
#include "reports/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(struct slice key)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf again = BUF(1 << 20);
	struct filter_dmarc_row row;
	struct reports_tls_key tls;
	if (reports_dmarc_read(key, &arena, &row)) {
		reports_dmarc_key(&row, &again);
		must(!again.failed && again.len <= key.len);
	}
	if (!reports_tls_read(key, &tls))
		return;
	must(reports_tls_result_name(tls.failure.result));
	must(reports_tls_type_name(tls.policy.type));
	must(tls.is_failure || tls.policy.text.len + tls.policy.hosts.len < key.len);
}

static void check_name(struct slice text)
{
	char again[REPORTS_NAME_MAX];
	struct reports_name name;
	if (text.len < REPORTS_NAME_MAX && reports_name_read(text, &name) &&
		slice_find(name.domain, '\0') < 0) {
		reports_name_write(&name, again);
		must(slice_ends(slice_str(again), name.domain));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_free) struct buf again = BUF(1 << 20);
	struct slice bytes = slice(data, size), rest = slice_from(bytes, 1);
	struct reports_row row;
	struct reports_head head;
	struct reports_sent sent;
	switch (size > 0 ? data[0] : 0) {
	case 'r':
		if (reports_row_read(rest, &row)) {
			reports_row_write(&row, &again);
			must(again.len <= rest.len);
			check_key(row.key);
		}
		break;
	case 'h':
		if (reports_head_read(rest, &head)) {
			reports_head_write(&head, &again);
			must(again.len <= rest.len);
		}
		break;
	case 's':
		if (reports_sent_read(rest, &sent)) {
			reports_sent_write(&sent, &again);
			must(again.len <= rest.len);
		}
		break;
	default:
		check_name(bytes);
		check_key(bytes);
	}
	return 0;
}
