/* The SQL of serving, in one table. Results are binary. The tables are in docs/formats/postgres.md.
 */
#include "store/drivers/postgres/statements.h"

/* One blob that may be dead, as a row `d` with a column `blob`: no key begins with 'r' and its id.
 */
#define IS_DEAD                                                                                    \
	"coalesce((SELECT substring(k.key FOR 17) <> '\\x72'::bytea || d.blob FROM store_keys k "  \
	"WHERE k.key >= '\\x72'::bytea || d.blob ORDER BY k.key LIMIT 1), true)"

#define DROP_DEAD                                                                                  \
	"dead AS (SELECT d.blob FROM (SELECT DISTINCT blob FROM looked) d WHERE " IS_DEAD "), "    \
	"chunks AS (DELETE FROM store_chunks c USING dead WHERE c.blob = dead.blob), "             \
	"gone AS (DELETE FROM store_blobs b USING dead WHERE b.id = dead.blob "                    \
	"RETURNING b.length) "

const struct postgres_sql postgres_statements[] = {
	[POSTGRES_VERSION] = {"version", "SELECT version FROM store_version"},
	[POSTGRES_BEGIN] = {"begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"},
	[POSTGRES_BEGIN_READ_ONLY] = {"begin_read_only",
		"BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"},
	[POSTGRES_BEGIN_ONE_STATE] = {"begin_one_state",
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
	[POSTGRES_COMMIT] = {"commit", "COMMIT"},
	[POSTGRES_ROLLBACK] = {"rollback", "ROLLBACK"},
	[POSTGRES_TIMEOUT] = {"timeout",
		"SELECT set_config('statement_timeout', $1::int::text, true)"},
	[POSTGRES_LOCK] = {"lock",
		"SELECT count(pg_advisory_xact_lock(account)) FROM unnest($1::bigint[]) account"},
	[POSTGRES_GET] = {"get", "SELECT value FROM store_keys WHERE key = $1::bytea"},
	[POSTGRES_PUT] = {"put", "INSERT INTO store_keys (key, value) SELECT * FROM "
				 "unnest($1::bytea[], $2::bytea[]) "
				 "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"},
	[POSTGRES_DELETE] = {"delete", "DELETE FROM store_keys WHERE key = ANY ($1::bytea[])"},
	[POSTGRES_NEW_BLOBS] = {"new_blobs", "INSERT INTO store_blobs (id, length) SELECT * FROM "
					     "unnest($1::bytea[], $2::bigint[])"},
	[POSTGRES_NEW_CHUNKS] = {"new_chunks",
		"INSERT INTO store_chunks (blob, number, checksum, bytes) "
		"SELECT * FROM unnest($1::bytea[], $2::int[], $3::int[], $4::bytea[])"},
	[POSTGRES_RELEASE] = {"release",
		"INSERT INTO store_suspects (blob) SELECT * FROM unnest($1::bytea[])"},
	/* The id of the connection's commit before is of no use any more. */
	[POSTGRES_COMMIT_ID] = {"commit_id",
		"WITH before AS (DELETE FROM store_commits WHERE id = $2::bytea) "
		"INSERT INTO store_commits (id, done) VALUES ($1::bytea, true)"},
	/* Waits for a transaction that is about to commit with this id; if there is none, none will
	 * ever be: it would find the id taken. */
	[POSTGRES_FATE] = {"fate",
		"INSERT INTO store_commits AS c (id, done) VALUES ($1::bytea, false) "
		"ON CONFLICT (id) DO UPDATE SET at = now() RETURNING c.done"},
	[POSTGRES_BLOB] = {"blob",
		"SELECT b.length, c.number, c.checksum, c.bytes FROM store_blobs b "
		"LEFT JOIN store_chunks c ON c.blob = b.id AND c.number BETWEEN $2::int AND "
		"$3::int "
		"WHERE b.id = $1::bytea ORDER BY c.number"},
	[POSTGRES_BLOB_LEN] = {"blob_len", "SELECT length FROM store_blobs WHERE id = $1::bytea"},
	/* Looks at the first suspects: how many there were, how many bytes went. */
	[POSTGRES_SWEEP] = {"sweep",
		"WITH looked AS (DELETE FROM store_suspects WHERE number IN "
		"(SELECT number FROM store_suspects ORDER BY number LIMIT $1::int) RETURNING "
		"blob), " DROP_DEAD
		"SELECT (SELECT count(*) FROM looked), coalesce(sum(length), 0)::bigint FROM gone"},
	/* Looks at the blobs behind an id: the same, and the last one's id. */
	[POSTGRES_SWEEP_ALL] = {"sweep_all",
		"WITH looked AS (SELECT id AS blob FROM store_blobs WHERE id > $1::bytea "
		"ORDER BY id LIMIT $2::int), " DROP_DEAD
		"SELECT (SELECT count(*) FROM looked), coalesce(sum(length), 0)::bigint, "
		"(SELECT blob FROM looked ORDER BY blob DESC LIMIT 1) FROM gone"},
	[POSTGRES_FORGET_COMMITS] = {"forget_commits",
		"DELETE FROM store_commits WHERE at < now() - interval '1 day'"},
};
_Static_assert(sizeof(postgres_statements) / sizeof(*postgres_statements) == POSTGRES_STATEMENTS,
	"every statement has its text");
