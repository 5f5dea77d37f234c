/* The tables: made by the first who opens the store, changed by the first of a newer version. */
#ifndef STORE_DRIVERS_POSTGRES_SCHEMA_H
#define STORE_DRIVERS_POSTGRES_SCHEMA_H

#include "store/drivers/postgres/link.h"

/* Makes or migrates them, under a lock that excludes all other nodes; only looks when read_only.
 * ERR_BAD_INPUT (permanent) when a newer program made them. */
int postgres_schema_ensure(struct postgres_link *link, bool read_only, struct err *err) WARN_UNUSED;
/* The answer to POSTGRES_VERSION: is it ours? */
int postgres_schema_check(const PGresult *rows, struct err *err) WARN_UNUSED;

#endif
