/* Many rows in order, a page at a time, by a cursor of the server: all of one state, and memory for
 * one page. The caller may use the link between two pages. */
#ifndef STORE_DRIVERS_POSTGRES_WALK_H
#define STORE_DRIVERS_POSTGRES_WALK_H

#include "store/drivers/postgres/link.h"

struct postgres_walk {
	struct postgres_link *link;
	unsigned number; /* of the cursor, in its transaction */
	int page;        /* rows of the next page */
	bool last;       /* no page is behind the present one */
	PGresult *rows;  /* the present page */
	int row;         /* the next one in it */
};

/* Puts the query; what was put before (BEGIN) goes out with it. Reads the first page, of
 * `first_page` rows; those behind it have `page`. */
int postgres_walk_init(struct postgres_walk *walk, struct postgres_link *link, const char *query,
	const struct postgres_arguments *a, int first_page, int page, struct err *err) WARN_UNUSED;
/* The next row: walk->rows at *ret_row. 1 at the end. */
int postgres_walk_next(struct postgres_walk *walk, int *ret_row, struct err *err) WARN_UNUSED;
/* Puts the closing of the cursor; it goes out with what is put next. */
void postgres_walk_free(struct postgres_walk *walk);

#endif
