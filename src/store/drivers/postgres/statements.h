/* Every statement that serving needs, prepared once for each connection. */
#ifndef STORE_DRIVERS_POSTGRES_STATEMENTS_H
#define STORE_DRIVERS_POSTGRES_STATEMENTS_H

enum postgres_statement {
	POSTGRES_VERSION,
	POSTGRES_BEGIN,
	POSTGRES_BEGIN_READ_ONLY,
	POSTGRES_BEGIN_ONE_STATE,
	POSTGRES_COMMIT,
	POSTGRES_ROLLBACK,
	POSTGRES_TIMEOUT,
	POSTGRES_LOCK,
	POSTGRES_GET,
	POSTGRES_PUT,
	POSTGRES_DELETE,
	POSTGRES_NEW_BLOBS,
	POSTGRES_NEW_CHUNKS,
	POSTGRES_RELEASE,
	POSTGRES_COMMIT_ID,
	POSTGRES_FATE,
	POSTGRES_BLOB,
	POSTGRES_BLOB_LEN,
	POSTGRES_SWEEP,
	POSTGRES_SWEEP_ALL,
	POSTGRES_FORGET_COMMITS,
	POSTGRES_STATEMENTS /* how many there are */
};

struct postgres_sql {
	const char *name, *sql;
};
/* By enum postgres_statement. */
extern const struct postgres_sql postgres_statements[];

#endif
