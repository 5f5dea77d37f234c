/* Addresses: a canonical form is its own canonical form. Rows: whatever decodes, written again,
 * decodes to the same. */
#include "base/must.h"
#include "directory/address.h"
#include "directory/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_user_row(struct slice data)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf once = BUF(DIRECTORY_ROW_MAX), twice = BUF(DIRECTORY_ROW_MAX);
	struct directory_user_row row;
	if (!directory_user_row_decode(data, &arena, &row))
		return;
	directory_user_row_encode(&row, data, &once);
	must(directory_user_row_decode(buf_slice(&once), &arena, &row));
	directory_user_row_encode(&row, buf_slice(&once), &twice);
	must(slice_eq(buf_slice(&once), buf_slice(&twice)));
}

static void try_other_rows(struct slice data)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf bytes = BUF(DIRECTORY_ROW_MAX);
	struct directory_domain_row domain;
	struct directory_alias_row alias;
	if (directory_domain_row_decode(data, &domain)) {
		directory_domain_row_encode(&domain, data, &bytes);
		must(directory_domain_row_decode(buf_slice(&bytes), &domain));
	}
	buf_clear(&bytes);
	if (directory_alias_row_decode(data, &arena, &alias)) {
		directory_alias_row_encode(&alias, data, &bytes);
		must(directory_alias_row_decode(buf_slice(&bytes), &arena, &alias));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice(data, size);
	struct directory_address address, again, base;
	struct slice detail;
	try_user_row(text);
	try_other_rows(text);
	if (!directory_address_parse(text, &address))
		return 0;
	struct slice canonical = directory_address_slice(&address);
	must(directory_address_parse(canonical, &again));
	must(slice_eq(canonical, directory_address_slice(&again)));
	if (directory_address_cut_detail(&address, '+', &base, &detail))
		must(directory_address_parse(directory_address_slice(&base), &again));
	return 0;
}
