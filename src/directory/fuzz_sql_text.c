/* Queries: what comes out has no more numbers than values, and what has no colon and is numbered
 * stays as it is. */
#include "base/must.h"
#include "directory/sql_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct directory_sql_text text;
	struct slice query = slice(data, size);
	if (memchr(data, '\0', size) ||
		directory_sql_number(query, DIRECTORY_SQL_PASSWORD, &text, NULL) < 0)
		return 0;
	must(text.count <= DIRECTORY_SQL_VALUES);
	for (unsigned i = 0; i < text.count; i++)
		must(text.values[i] < DIRECTORY_SQL_VALUES);
	if (text.count == 0)
		must(slice_eq(slice_str(text.sql), query));
	directory_sql_text_free(&text);
	return 0;
}
