/* Idle connections as a stack; connections are made outside its lock. */
#include "directory/sql_pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "directory/sql.h"
#include "directory/turns.h"

#include <openssl/crypto.h>

enum { SERVERS_MAX = 16, LINKS_MAX = 256, PASSED_OVER_MS = 20 * 1000, HOST_MAX = 256 };

struct server {
	char *text; /* as in the options */
	char host[HOST_MAX], port[8];
	bool tls;
	_Atomic int64_t passed_over_until; /* clock_mono_ms(); 0: it works */
};

struct directory_sql_pool {
	struct server servers[SERVERS_MAX];
	unsigned count;
	char *database, *user, *password, *authorities;
	int64_t timeout_ms;
	struct directory_turns turns;
	pthread_mutex_t lock; /* guards the idle ones */
	struct directory_sql_link *idle[LINKS_MAX];
	unsigned idle_count;
};

/* "unix:/folder", "host:port", "[v6]:port" */
static bool take_place(struct server *s, struct slice text)
{
	uint64_t port = 5432;
	struct slice host = text;
	if (slice_starts(text, SLICE("unix:"))) {
		host = slice_from(text, 5);
	} else {
		size_t colon = text.len;
		while (colon > 0 && text.ptr[colon - 1] != ':')
			colon--;
		if (colon < 2 || !slice_to_u64(slice_from(text, colon), UINT16_MAX, &port))
			return false;
		host = slice_sub(text, 0, colon - 1);
		if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
			host = slice_sub(host, 1, host.len - 2);
	}
	(void)snprintf(s->host, sizeof(s->host), "%.*s", SLICE_ARG(host));
	(void)snprintf(s->port, sizeof(s->port), "%u", (unsigned)port);
	return host.len > 0 && host.len < HOST_MAX && port > 0;
}

static int take_server(struct directory_sql_pool *pool, const char *text, struct err *err)
{
	if (pool->count == SERVERS_MAX)
		return err_permanent(err, ERR_LIMIT, "more than %d servers", SERVERS_MAX);
	struct server *s = &pool->servers[pool->count++];
	struct slice rest = slice_str(text);
	s->text = slice_dup(rest);
	s->tls = slice_starts(rest, SLICE("tls:"));
	if (take_place(s, slice_from(rest, s->tls ? 4 : 0)))
		return 0;
	return err_permanent(
		err, ERR_BAD_INPUT, "\"%s\" is no server, expected one like tls:host:5432", text);
}

static char *copy(const char *text)
{
	return slice_dup(slice_str(text ? text : ""));
}

int directory_sql_pool_new(const struct directory_sql_options *options,
	struct directory_sql_pool **ret_pool, struct err *err)
{
	struct directory_sql_pool *pool = ALLOC(struct directory_sql_pool);
	int r = 0;
	pool->database = copy(options->database);
	pool->user = copy(options->user);
	pool->password = copy(options->password);
	pool->authorities = copy(options->authorities);
	pool->timeout_ms = options->timeout_ms ? options->timeout_ms : 5000;
	directory_turns_init(
		&pool->turns, MIN(options->pool ? options->pool : 4u, (unsigned)LINKS_MAX));
	must(pthread_mutex_init(&pool->lock, NULL) == 0);
	for (size_t i = 0; i < options->server_count && r == 0; i++)
		r = take_server(pool, options->servers[i], err);
	if (r == 0 && pool->count == 0)
		r = err_permanent(err, ERR_BAD_INPUT, "no server is given");
	if (r < 0) {
		directory_sql_pool_free(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

void directory_sql_pool_free(struct directory_sql_pool *pool)
{
	if (!pool)
		return;
	while (pool->idle_count > 0)
		directory_sql_link_free(pool->idle[--pool->idle_count]);
	for (unsigned i = 0; i < pool->count; i++)
		free(pool->servers[i].text);
	OPENSSL_cleanse(pool->password, strlen(pool->password));
	free(pool->password);
	free(pool->database);
	free(pool->user);
	free(pool->authorities);
	directory_turns_deinit(&pool->turns);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static void failed(struct server *s, const struct err *err)
{
	if (atomic_exchange(&s->passed_over_until, clock_mono_ms() + PASSED_OVER_MS) == 0)
		log_warn(NULL, "a server of the directory fails", F_STR("server", s->text),
			F_ERR(err));
}

static void worked(struct server *s)
{
	if (atomic_exchange(&s->passed_over_until, 0) != 0)
		log_info(NULL, "a server of the directory works again", F_STR("server", s->text));
}

static int connect_to(struct directory_sql_pool *pool, unsigned number, int64_t deadline,
	struct directory_sql_link **ret_link, struct err *err)
{
	struct server *s = &pool->servers[number];
	const struct directory_sql_place place = {
		.host = s->host,
		.port = s->port,
		.tls = s->tls,
		.database = pool->database,
		.user = pool->user,
		.password = pool->password,
		.authorities = pool->authorities,
		.timeout_ms = pool->timeout_ms,
	};
	int r = directory_sql_link_new(&place, deadline, ret_link, err);
	if (r < 0) {
		failed(s, err);
		return err_prefix(err, "%s", s->text);
	}
	(*ret_link)->server = number;
	worked(s);
	return 0;
}

/* Those that are not passed over first; each with its share of the time. */
static int connect_to_any(struct directory_sql_pool *pool, int64_t deadline,
	struct directory_sql_link **ret_link, struct err *err)
{
	int64_t now = clock_mono_ms();
	unsigned left = pool->count;
	int r = -1;
	bool tried[SERVERS_MAX] = {0};
	for (int over = 0; over < 2; over++)
		for (unsigned i = 0; i < pool->count && r < 0; i++) {
			bool passed_over = now < atomic_load(&pool->servers[i].passed_over_until);
			if (tried[i] || (over == 0 && passed_over))
				continue;
			tried[i] = true;
			int64_t share = (deadline - clock_mono_ms()) / left--;
			r = connect_to(pool, i, clock_mono_ms() + share, ret_link, err);
		}
	return r;
}

static struct directory_sql_link *pop(struct directory_sql_pool *pool)
{
	struct directory_sql_link *link = NULL;
	must(pthread_mutex_lock(&pool->lock) == 0);
	if (pool->idle_count > 0)
		link = pool->idle[--pool->idle_count];
	must(pthread_mutex_unlock(&pool->lock) == 0);
	return link;
}

static void give(struct directory_sql_pool *pool, struct directory_sql_link *link)
{
	if (link->lost) {
		directory_sql_link_free(link);
		return;
	}
	must(pthread_mutex_lock(&pool->lock) == 0);
	pool->idle[pool->idle_count++] = link; /* as many as there are turns at most */
	must(pthread_mutex_unlock(&pool->lock) == 0);
}

static int take(struct directory_sql_pool *pool, bool fresh, int64_t deadline,
	struct directory_sql_link **ret_link, bool *ret_old, struct err *err)
{
	struct directory_sql_link *link;
	*ret_old = false;
	while ((link = pop(pool))) {
		if (!fresh && directory_sql_link_alive(link)) {
			*ret_old = true;
			*ret_link = link;
			return 0;
		}
		directory_sql_link_free(link);
	}
	return connect_to_any(pool, deadline, ret_link, err);
}

typedef int use(struct directory_sql_link *link, void *context, int64_t deadline, struct err *err);

static int with_link(struct directory_sql_pool *pool, use *call, void *context,
	const char **ret_server, struct err *err)
{
	int64_t deadline = clock_mono_ms() + pool->timeout_ms;
	struct directory_sql_link *link;
	bool old, again = false;
	int r = -1;
	if (!directory_turns_take(&pool->turns, deadline))
		return err_temporary(err, ERR_LIMIT,
			"all %u connections to the database are in use", pool->turns.max);
	for (unsigned tries = pool->count + 1; tries > 0; tries--) {
		r = take(pool, again, deadline, &link, &old, err);
		if (r < 0)
			break;
		*ret_server = pool->servers[link->server].text;
		r = call(link, context, deadline, err);
		again = r < 0 && link->lost && clock_mono_ms() < deadline;
		if (link->lost && !old)
			failed(&pool->servers[link->server], err);
		give(pool, link);
		if (!again)
			break;
	}
	directory_turns_give(&pool->turns);
	return r;
}

struct asking {
	const struct directory_sql_query *query;
	const char *const *values;
	PGresult **rows;
};

static int ask(struct directory_sql_link *link, void *context, int64_t deadline, struct err *err)
{
	const struct asking *a = context;
	return directory_sql_link_ask(link, a->query, a->values, deadline, a->rows, err);
}

static int try(struct directory_sql_link *link, void *context, int64_t deadline, struct err *err)
{
	const struct asking *a = context;
	return directory_sql_link_prepare(link, a->query, deadline, err);
}

int directory_sql_pool_ask(struct directory_sql_pool *pool, const struct directory_sql_query *query,
	const char *const values[DIRECTORY_SQL_VALUES], PGresult **ret_rows,
	const char **ret_server, struct err *err)
{
	struct asking a = {.query = query, .values = values, .rows = ret_rows};
	return with_link(pool, ask, &a, ret_server, err);
}

int directory_sql_pool_try(
	struct directory_sql_pool *pool, const struct directory_sql_query *query, struct err *err)
{
	struct asking a = {.query = query};
	const char *server;
	return with_link(pool, try, &a, &server, err);
}
