/* The driver: which query answers which question. */
#include "directory/sql.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/random.h"
#include "directory/driver.h"
#include "directory/follow.h"
#include "directory/remember.h"
#include "directory/sql_hash.h"
#include "directory/sql_pool.h"
#include "directory/sql_row.h"
#include "directory/turns.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { HASH_WAIT_MS = 10 * 1000, SECRET_SIZE = 32, DIGEST_SIZE = 32 };
enum { USER, ALIAS, DOMAIN, CHECK, USERS, MOVE, QUERIES };

struct sql {
	struct directory base;
	struct directory_sql_pool *pool;
	struct directory_sql_query queries[QUERIES]; /* sql NULL: there is none */
	struct directory_hasher *hasher;
	struct directory_turns hashing; /* of hashes that the hasher does not know */
	struct directory_memory *memory;
	char secret[SECRET_SIZE]; /* for keys of nobody */
	char plus_separator;
	uint64_t quota_bytes, quota_messages;
};

static struct sql *sql_of(struct directory *directory)
{
	return CONTAINER_OF(directory, struct sql, base);
}

/* For AUTO(clear). */
static void clear(PGresult **local)
{
	PQclear(*local);
}

struct values {
	char user[DIRECTORY_ADDRESS_MAX + 1], local[DIRECTORY_ADDRESS_MAX + 1],
		domain[DIRECTORY_ADDRESS_MAX + 1];
	const char *all[DIRECTORY_SQL_VALUES];
};

static void set_values(struct values *v, struct slice local, struct slice domain)
{
	(void)snprintf(v->local, sizeof(v->local), "%.*s", SLICE_ARG(local));
	(void)snprintf(v->domain, sizeof(v->domain), "%.*s", SLICE_ARG(domain));
	(void)snprintf(v->user, sizeof(v->user), "%.*s@%.*s", (int)MIN(local.len, 64u),
		local.ptr ? local.ptr : "", (int)MIN(domain.len, 255u),
		domain.ptr ? domain.ptr : "");
	v->all[DIRECTORY_SQL_USER] = v->user;
	v->all[DIRECTORY_SQL_LOCAL] = v->local;
	v->all[DIRECTORY_SQL_DOMAIN] = v->domain;
	v->all[DIRECTORY_SQL_PASSWORD] = v->all[DIRECTORY_SQL_TO] = NULL;
}

static void set_address(struct values *v, const struct directory_address *address)
{
	set_values(v, directory_address_local(address), directory_address_domain(address));
}

static int ask(struct sql *s, unsigned query, const struct values *values, PGresult **ret_rows,
	const char **ret_server, struct err *err)
{
	return directory_sql_pool_ask(
		s->pool, &s->queries[query], values->all, ret_rows, ret_server, err);
}

/* What the row does not say. */
static void complete(
	const struct sql *s, struct directory_user *user, const char *server, struct arena *arena)
{
	user->answered_by = arena_copy(arena, slice_str(server));
	if (user->quota_bytes == UINT64_MAX)
		user->quota_bytes = s->quota_bytes;
	if (user->quota_messages == UINT64_MAX)
		user->quota_messages = s->quota_messages;
}

/* 0, DIRECTORY_UNKNOWN or negative. */
static int find(struct sql *s, const struct directory_address *address, struct arena *arena,
	struct directory_sql_row *ret_row, struct err *err)
{
	AUTO(clear) PGresult *rows = NULL;
	struct values values;
	const char *server;
	set_address(&values, address);
	int r = ask(s, USER, &values, &rows, &server, err);
	if (r == 0)
		r = directory_sql_row_take(rows, address, arena, ret_row, err);
	if (r != 0)
		return r;
	complete(s, &ret_row->user, server, arena);
	return 0;
}

static int sql_user(struct directory *directory, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	struct directory_address address;
	struct directory_sql_row row;
	if (!directory_address_parse(user, &address))
		return DIRECTORY_UNKNOWN;
	int r = find(sql_of(directory), &address, arena, &row, err);
	if (r != 0)
		return r;
	*ret_user = row.user;
	return directory_allows(ret_user, service, err);
}

/* Of what the row says about the password: another one makes what is remembered worthless. */
static uint64_t change_of(struct slice password)
{
	uint8_t digest[DIGEST_SIZE] = {0};
	(void)EVP_Digest(password.ptr, password.len, digest, NULL, EVP_sha256(), NULL);
	return bytes_get_be64(digest);
}

static int verify_other(struct sql *s, struct slice hash, struct slice password, struct err *err)
{
	if (!directory_turns_take(&s->hashing, clock_mono_ms() + HASH_WAIT_MS))
		return err_temporary(
			err, ERR_LIMIT, "too many passwords are being checked at once");
	int r = directory_sql_hash_verify(hash, password, err);
	directory_turns_give(&s->hashing);
	return r;
}

/* By the row. */
static int check_hash(
	struct sql *s, const struct directory_sql_row *row, struct slice password, struct err *err)
{
	uint64_t change = change_of(row->password);
	if (directory_memory_has(s->memory, row->user.account, change, password))
		return 0;
	struct slice argon2id = directory_sql_hash_argon2id(row->password);
	int r = argon2id.len > 0 || row->password.len == 0
			? directory_hasher_verify(s->hasher, argon2id, password, err)
			: verify_other(s, row->password, password, err);
	if (r == 0)
		directory_memory_add(s->memory, row->user.account, change, password);
	return r;
}

/* By the server: the first value of the first row. */
static int check_there(struct sql *s, const struct directory_address *address,
	struct slice password, struct err *err)
{
	AUTO(clear) PGresult *rows = NULL;
	char text[DIRECTORY_PASSWORD_MAX + 1];
	struct values values;
	const char *server;
	bool right = false;
	if (password.len == 0 || slice_find(password, '\0') >= 0)
		return DIRECTORY_WRONG;
	memcpy(text, password.ptr, password.len);
	text[password.len] = '\0';
	set_address(&values, address);
	values.all[DIRECTORY_SQL_PASSWORD] = text;
	int r = ask(s, CHECK, &values, &rows, &server, err);
	OPENSSL_cleanse(text, sizeof(text));
	if (r < 0)
		return r;
	if (PQntuples(rows) == 0 || PQnfields(rows) == 0 || PQgetisnull(rows, 0, 0))
		return DIRECTORY_WRONG;
	if (!directory_sql_bool(slice_str(PQgetvalue(rows, 0, 0)), &right))
		return err_temporary(err, ERR_DAMAGED, "check_query says neither true nor false");
	return right ? 0 : DIRECTORY_WRONG;
}

/* Who does not exist costs what a wrong password does. */
static int unknown(struct sql *s, const struct directory_address *address, struct slice password,
	struct err *err)
{
	int r = s->queries[CHECK].text.sql
			? check_there(s, address, password, err)
			: directory_hasher_verify(s->hasher, SLICE_NONE, password, err);
	return r < 0 ? r : DIRECTORY_UNKNOWN;
}

static int sql_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct sql *s = sql_of(directory);
	struct directory_address address;
	struct directory_sql_row row;
	if (password.len > DIRECTORY_PASSWORD_MAX)
		password.len = 0; /* nobody has such a one, nor an empty one */
	if (!directory_address_parse(user, &address)) {
		int r = directory_hasher_verify(s->hasher, SLICE_NONE, password, err);
		return r < 0 ? r : DIRECTORY_UNKNOWN;
	}
	int r = find(s, &address, arena, &row, err);
	if (r != 0)
		return r < 0 ? r : unknown(s, &address, password, err);
	if (password.len == 0)
		row.password = SLICE("");
	r = s->queries[CHECK].text.sql ? check_there(s, &address, password, err)
				       : check_hash(s, &row, password, err);
	if (r != 0)
		return r;
	*ret_user = row.user;
	return directory_allows(ret_user, service, err);
}

static int sql_scram(struct directory *directory, struct slice user,
	struct sasl_scram_keys *ret_keys, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct sql *s = sql_of(directory);
	struct directory_address address;
	struct directory_sql_row row = {0};
	int r = directory_address_parse(user, &address) ? find(s, &address, &arena, &row, err)
							: DIRECTORY_UNKNOWN;
	if (r < 0)
		return r;
	if (r == 0 && row.scram.len > 0)
		return sasl_scram_from_text(row.scram, ret_keys)
			       ? 0
			       : err_temporary(err, ERR_DAMAGED,
					 "the database's row has a wrong value in column scram");
	sasl_scram_make_up(slice(s->secret, sizeof(s->secret)), user, 0, ret_keys);
	return 0;
}

static int ask_domain(void *context, struct slice domain, struct err *err)
{
	AUTO(clear) PGresult *rows = NULL;
	struct values values;
	const char *server;
	set_values(&values, SLICE(""), domain);
	int r = ask(context, DOMAIN, &values, &rows, &server, err);
	return r < 0 ? r : PQntuples(rows) > 0 ? 0 : DIRECTORY_UNKNOWN;
}

static int sql_domain(struct directory *directory, struct slice domain, struct err *err)
{
	struct directory_domain_name name;
	if (!directory_domain_parse(domain, &name))
		return DIRECTORY_UNKNOWN;
	return ask_domain(sql_of(directory), directory_domain_slice(&name), err);
}

static int find_user(void *context, struct slice name, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	struct directory_address address;
	struct directory_sql_row row;
	if (!directory_address_parse(name, &address)) /* "@example.org" */
		return DIRECTORY_UNKNOWN;
	int r = find(context, &address, arena, &row, err);
	if (r == 0)
		*ret_user = row.user;
	return r;
}

static int find_alias(void *context, struct slice name, struct arena *arena,
	struct slice **ret_targets, size_t *ret_count, struct err *err)
{
	AUTO(clear) PGresult *rows = NULL;
	struct sql *s = context;
	struct values values;
	const char *server;
	size_t local = name.len;
	while (local > 0 && name.ptr[local - 1] != '@')
		local--;
	if (!s->queries[ALIAS].text.sql || local == 0)
		return DIRECTORY_UNKNOWN;
	set_values(&values, slice_sub(name, 0, local - 1), slice_from(name, local));
	int r = ask(s, ALIAS, &values, &rows, &server, err);
	return r < 0 ? r : directory_sql_targets(rows, arena, ret_targets, ret_count, err);
}

static int sql_lookup(struct directory *directory, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	const struct directory_source source = {
		.context = sql_of(directory),
		.plus_separator = sql_of(directory)->plus_separator,
		.domain = ask_domain,
		.user = find_user,
		.alias = find_alias,
	};
	return directory_follow(&source, address, arena, ret_route, err);
}

/* A row that makes no sense is left out; the log says which. */
static int sql_scan(struct directory *directory, struct slice domain, struct slice pattern,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	struct err *err)
{
	AUTO(clear) PGresult *rows = NULL;
	struct sql *s = sql_of(directory);
	struct values values;
	const char *server;
	bool go_on = true;
	if (!s->queries[USERS].text.sql)
		return err_permanent(err, ERR_DENIED, "there is no users_query to list users by");
	set_values(&values, SLICE(""), domain);
	values.user[0] = '\0';
	int r = ask(s, USERS, &values, &rows, &server, err);
	for (int i = 0; r == 0 && go_on && i < PQntuples(rows); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct directory_sql_row row;
		struct err why;
		if (directory_sql_row_take_at(rows, i, &arena, &row, &why) < 0) {
			log_warn(NULL, "a user is left out of the list", F_INT("row", i + 1),
				F_ERR(&why));
			continue;
		}
		complete(s, &row.user, server, &arena);
		if ((domain.len == 0 || slice_eq(row.user.domain, domain)) &&
			(pattern.len == 0 || glob_matches(pattern, row.user.name)))
			go_on = visit(context, &row.user);
	}
	return r;
}

/* One row, or none has changed: then it is not known what the query did. */
static int sql_set_host(
	struct directory *directory, struct slice user, struct slice host, struct err *err)
{
	AUTO(clear) PGresult *rows = NULL;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct sql *s = sql_of(directory);
	struct directory_address address;
	struct values values;
	const char *server;
	if (!s->queries[MOVE].text.sql)
		return err_permanent(
			err, ERR_DENIED, "the database is not written without move_query");
	if (!directory_address_parse(user, &address))
		return err_permanent(err, ERR_ABSENT, "there is no such user");
	set_address(&values, &address);
	values.all[DIRECTORY_SQL_TO] = arena_copy(&arena, host).ptr;
	int r = ask(s, MOVE, &values, &rows, &server, err);
	if (r < 0 || strcmp(PQcmdTuples(rows), "1") == 0)
		return r;
	return err_temporary(err, ERR_OTHER, "move_query has changed %.20s rows, expected 1",
		PQcmdTuples(rows)[0] ? PQcmdTuples(rows) : "no");
}

static void sql_free(struct directory *directory)
{
	struct sql *s = sql_of(directory);
	directory_sql_pool_free(s->pool);
	for (unsigned i = 0; i < QUERIES; i++)
		directory_sql_text_free(&s->queries[i].text);
	directory_hasher_free(s->hasher);
	directory_memory_free(s->memory);
	directory_turns_deinit(&s->hashing);
	free(s);
}

static const struct directory_driver sql_driver = {
	.name = "postgresql",
	.lookup = sql_lookup,
	.domain = sql_domain,
	.check = sql_check,
	.user = sql_user,
	.scram = sql_scram,
	.scan = sql_scan,
	.set_host = sql_set_host,
	.free = sql_free,
};

static int take_queries(struct sql *s, const struct directory_sql_options *options, struct err *err)
{
	const struct {
		const char *name, *query;
	} all[QUERIES] = {
		[USER] = {"user_query", options->user_query},
		[ALIAS] = {"alias_query", options->alias_query},
		[DOMAIN] = {"domain_query", options->domain_query},
		[CHECK] = {"check_query", options->check_query},
		[USERS] = {"users_query", options->users_query},
		[MOVE] = {"move_query", options->move_query},
	};
	static const enum directory_sql_value EXTRA[QUERIES] = {
		[USER] = DIRECTORY_SQL_VALUES,
		[ALIAS] = DIRECTORY_SQL_VALUES,
		[DOMAIN] = DIRECTORY_SQL_VALUES,
		[CHECK] = DIRECTORY_SQL_PASSWORD,
		[MOVE] = DIRECTORY_SQL_TO,
	};
	for (unsigned i = 0; i < QUERIES; i++) {
		s->queries[i] = (struct directory_sql_query){.name = all[i].name, .number = i};
		if (all[i].query && all[i].query[0] &&
			directory_sql_number(
				slice_str(all[i].query), EXTRA[i], &s->queries[i].text, err) < 0)
			return err_prefix(err, "%s", all[i].name);
	}
	return 0;
}

/* Nothing waits for the database to come up; but who has just written a query reads the log. */
static void try_queries(struct sql *s)
{
	struct err err;
	for (unsigned i = 0; i < QUERIES; i++)
		if (s->queries[i].text.sql &&
			directory_sql_pool_try(s->pool, &s->queries[i], &err) < 0) {
			log_error(NULL, "the directory can't be asked", F_ERR(&err));
			return;
		}
}

int directory_sql_new(const struct directory_sql_options *options, struct directory **ret_directory,
	struct err *err)
{
	struct sql *s = ALLOC(struct sql);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	s->base.driver = &sql_driver;
	s->base.no_scram = !options->scram;
	s->plus_separator = options->plus_separator;
	s->quota_bytes = options->quota_bytes;
	s->quota_messages = options->quota_messages;
	s->hasher = directory_hasher_new(0, 0);
	s->memory = directory_memory_new(options->remember_seconds);
	directory_turns_init(&s->hashing, cpus > 0 ? (unsigned)cpus : 1);
	random_bytes(s->secret, sizeof(s->secret));
	int r = take_queries(s, options, err);
	if (r == 0)
		r = directory_sql_pool_new(options, &s->pool, err);
	if (r < 0) {
		sql_free(&s->base);
		return r;
	}
	try_queries(s);
	*ret_directory = &s->base;
	return 0;
}
