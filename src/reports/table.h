/* Counts in memory, until they are written down: reports, and the rows of each. Bounded. Pure; the
 * caller holds the lock. */
#ifndef REPORTS_TABLE_H
#define REPORTS_TABLE_H

#include "reports/row.h"

struct reports_table;

struct reports_table_row {
	struct reports_table_row *next; /* of its report */
	struct reports_table_row *in_slot;
	struct reports_table_report *report;
	uint64_t good, bad, hash;
	size_t key_len;
	char key[];
};
struct reports_table_report {
	struct reports_table_report *next;
	struct reports_table_row *rows;
	int64_t day;
	enum reports_kind kind;
	char *domain; /* lower case */
	char *about;  /* as it was said last; NULL: never */
};

enum { REPORTS_TABLE_ROWS = 100000, REPORTS_TABLE_BYTES = 32 << 20 };

struct reports_table *reports_table_new(void);
void reports_table_free(struct reports_table *table); /* NULL is fine */
/* Counts. `about` may be empty. False: it is full, and nothing was counted. */
WARN_UNUSED bool reports_table_add(struct reports_table *table, const struct reports_name *name,
	struct slice about, const struct reports_row *row);
size_t reports_table_rows(const struct reports_table *table);
/* All reports, linked by ->next, each with its rows; `about` may be set, on the heap. */
struct reports_table_report *reports_table_reports(const struct reports_table *table);

#endif
