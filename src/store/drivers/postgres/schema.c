/* The schema as steps: a database at version N has had every step up to N. What the tables mean is
 * in docs/formats/postgres.md; a change here is a new step and a line there. */
#include "store/drivers/postgres/schema.h"

#include "base/compiler.h"

enum { VERSION = 1 };

static const struct step {
	int version;
	const char *sql;
} STEPS[] = {
	{1, "CREATE TABLE store_version (one boolean PRIMARY KEY DEFAULT true CHECK (one), "
	    "version int NOT NULL)"},
	{1, "INSERT INTO store_version (version) VALUES (0)"},
	{1, "CREATE TABLE store_keys (key bytea PRIMARY KEY, value bytea NOT NULL)"},
	{1, "CREATE TABLE store_blobs (id bytea PRIMARY KEY, length bigint NOT NULL)"},
	{1, "CREATE TABLE store_chunks (blob bytea, number int, checksum int NOT NULL, "
	    "bytes bytea NOT NULL, PRIMARY KEY (blob, number))"},
	/* Mail hardly gets smaller by the server's compression, which costs it dearly. */
	{1, "ALTER TABLE store_chunks ALTER bytes SET STORAGE EXTERNAL"},
	{1, "CREATE TABLE store_suspects "
	    "(number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, blob bytea NOT NULL)"},
	{1, "CREATE TABLE store_commits (id bytea PRIMARY KEY, done boolean NOT NULL, "
	    "at timestamptz NOT NULL DEFAULT now())"},
};

static int wrong_version(int version, struct err *err)
{
	return err_permanent(err, ERR_BAD_INPUT,
		"the database's tables have version %d, this program knows %d%s", version, VERSION,
		version > VERSION ? ": a newer one made them" : "");
}

int postgres_schema_check(const PGresult *rows, struct err *err)
{
	if (PQntuples(rows) != 1)
		return err_permanent(err, ERR_DAMAGED, "store_version has no row");
	int version = postgres_int(rows, 0, 0);
	return version == VERSION ? 0 : wrong_version(version, err);
}

/* 0 when there are no tables yet. Under the lock, if the transaction may write. */
static int present_version(
	struct postgres_link *link, bool read_only, int *ret_version, struct err *err)
{
	AUTO(postgres_clear) PGresult *rows = NULL;
	*ret_version = 0;
	if (!read_only) {
		postgres_link_put_sql(link, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL);
		postgres_link_put_sql(
			link, "SELECT pg_advisory_xact_lock(hashtext('rookery'), 1)", NULL);
	}
	postgres_link_put_sql(link, "SELECT to_regclass('store_version') IS NOT NULL", NULL);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	if (!*postgres_bytes(rows, 0, 0).ptr)
		return 0;
	PQclear(rows);
	postgres_link_put_sql(link, "SELECT version FROM store_version", NULL);
	if (postgres_link_run(link, &rows, err) < 0)
		return -1;
	if (PQntuples(rows) != 1)
		return err_permanent(err, ERR_DAMAGED, "store_version has no row");
	*ret_version = postgres_int(rows, 0, 0);
	return 0;
}

static int migrate(struct postgres_link *link, int version, struct err *err)
{
	struct postgres_arguments a = {.count = 0};
	for (size_t i = 0; i < ARRAY_LEN(STEPS); i++)
		if (STEPS[i].version > version)
			postgres_link_put_sql(link, STEPS[i].sql, NULL);
	postgres_add_int(&a, VERSION);
	postgres_link_put_sql(link, "UPDATE store_version SET version = $1::int", &a);
	postgres_link_put_sql(link, "COMMIT", NULL);
	return postgres_link_run(link, NULL, err);
}

int postgres_schema_ensure(struct postgres_link *link, bool read_only, struct err *err)
{
	int version;
	if (present_version(link, read_only, &version, err) < 0)
		return -1;
	if (version < VERSION && !read_only)
		return migrate(link, version, err);
	if (!read_only)
		postgres_link_put_sql(link, "ROLLBACK", NULL);
	return version == VERSION ? 0 : wrong_version(version, err);
}
