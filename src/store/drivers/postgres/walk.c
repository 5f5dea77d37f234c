/* Cursors have numbers, since one walk may run inside another on the same transaction. */
#include "store/drivers/postgres/walk.h"

enum { SQL = 512 };

static int fetch(struct postgres_walk *walk, struct err *err)
{
	char sql[SQL];
	PQclear(walk->rows);
	walk->rows = NULL;
	(void)snprintf(sql, sizeof(sql), "FETCH %d FROM walk%u", walk->page, walk->number);
	postgres_link_put_sql(walk->link, sql, NULL);
	if (postgres_link_run(walk->link, &walk->rows, err) < 0)
		return -1;
	walk->row = 0;
	walk->last = PQntuples(walk->rows) < walk->page;
	return 0;
}

int postgres_walk_init(struct postgres_walk *walk, struct postgres_link *link, const char *query,
	const struct postgres_arguments *a, int first_page, int page, struct err *err)
{
	char sql[SQL];
	*walk = (struct postgres_walk){.link = link, .number = link->cursors++, .page = first_page};
	(void)snprintf(
		sql, sizeof(sql), "DECLARE walk%u NO SCROLL CURSOR FOR %s", walk->number, query);
	postgres_link_put_sql(link, sql, a);
	if (fetch(walk, err) < 0) {
		link->cursors--;
		return -1;
	}
	walk->page = page;
	return 0;
}

int postgres_walk_next(struct postgres_walk *walk, int *ret_row, struct err *err)
{
	while (walk->row == PQntuples(walk->rows)) {
		if (walk->last)
			return 1;
		if (fetch(walk, err) < 0)
			return -1;
	}
	*ret_row = walk->row++;
	return 0;
}

void postgres_walk_free(struct postgres_walk *walk)
{
	char sql[SQL];
	(void)snprintf(sql, sizeof(sql), "CLOSE walk%u", walk->number);
	postgres_link_put_sql(walk->link, sql, NULL);
	walk->link->cursors--;
	PQclear(walk->rows);
	walk->rows = NULL;
}
