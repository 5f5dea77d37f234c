/* One list of idle connections for each server, newest first, under one lock, which is not held
 * while anything is asked. */
#include "directory/ldap_pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"

#include <pthread.h>

enum {
	LAST_FOR_MS = 10 * 1000,     /* a server that failed */
	IDLE_MAX_MS = 4 * 60 * 1000, /* firewalls forget what is silent for longer */
};

struct idle {
	struct idle *next;
	void *connection;
	int64_t since_ms;
};

struct server {
	struct idle *idle;
	int64_t failed_until_ms;
};

struct directory_ldap_pool {
	struct directory_ldap_pool_options options;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t freed;
	unsigned used;
	struct server *servers;
};

struct directory_ldap_pool *directory_ldap_pool_new(
	const struct directory_ldap_pool_options *options)
{
	struct directory_ldap_pool *pool = ALLOC(struct directory_ldap_pool);
	pthread_condattr_t monotonic;
	pool->options = *options;
	pool->servers = alloc_zero(options->servers, sizeof(*pool->servers));
	must(pthread_mutex_init(&pool->lock, NULL) == 0);
	must(pthread_condattr_init(&monotonic) == 0 &&
		pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
		pthread_cond_init(&pool->freed, &monotonic) == 0);
	(void)pthread_condattr_destroy(&monotonic);
	return pool;
}

static void close_list(struct directory_ldap_pool *pool, struct idle *list)
{
	while (list) {
		struct idle *next = list->next;
		pool->options.close(list->connection);
		free(list);
		list = next;
	}
}

void directory_ldap_pool_free(struct directory_ldap_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->options.servers; i++)
		close_list(pool, pool->servers[i].idle);
	(void)pthread_cond_destroy(&pool->freed);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool->servers);
	free(pool);
}

/* A place among those in use. Other sessions get a thread meanwhile. */
static int begin_use(struct directory_ldap_pool *pool, struct err *err)
{
	struct timespec until;
	bool in_time = true;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(pool->options.wait_ms / 1000) + 1;
	(void)pthread_mutex_lock(&pool->lock);
	while (pool->used >= pool->options.connections && in_time)
		in_time = pthread_cond_timedwait(&pool->freed, &pool->lock, &until) == 0;
	bool got = pool->used < pool->options.connections;
	pool->used += got;
	(void)pthread_mutex_unlock(&pool->lock);
	return got ? 0
		   : err_temporary(err, ERR_LIMIT,
			     "all %u connections to the LDAP servers are in use",
			     pool->options.connections);
}

static void end_use(struct directory_ldap_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->used--;
	(void)pthread_cond_signal(&pool->freed);
	(void)pthread_mutex_unlock(&pool->lock);
}

/* The first one that did not just fail; else the one whose failure is oldest. Of those tried in
 * this run none. */
static size_t choose(const struct directory_ldap_pool *pool, const bool *tried)
{
	size_t count = pool->options.servers, best = count;
	int64_t now = clock_mono_ms();
	for (size_t i = 0; i < count; i++) {
		if (tried[i])
			continue;
		if (pool->servers[i].failed_until_ms <= now)
			return i;
		if (best == count ||
			pool->servers[i].failed_until_ms < pool->servers[best].failed_until_ms)
			best = i;
	}
	return best;
}

/* An idle connection of the server; those that were idle for long are closed. */
static void *take_idle(struct directory_ldap_pool *pool, size_t number)
{
	struct server *server = &pool->servers[number];
	struct idle *old, *own;
	void *connection = NULL;
	(void)pthread_mutex_lock(&pool->lock);
	struct idle **at = &server->idle;
	while (*at && clock_mono_ms() - (*at)->since_ms < IDLE_MAX_MS)
		at = &(*at)->next;
	old = *at;
	*at = NULL;
	own = server->idle;
	if (own)
		server->idle = own->next;
	(void)pthread_mutex_unlock(&pool->lock);
	close_list(pool, old);
	if (own)
		connection = own->connection;
	free(own);
	return connection;
}

static void give_back(struct directory_ldap_pool *pool, size_t number, void *connection)
{
	struct idle *own = ALLOC(struct idle);
	own->connection = connection;
	(void)pthread_mutex_lock(&pool->lock);
	own->since_ms = clock_mono_ms();
	own->next = pool->servers[number].idle;
	pool->servers[number].idle = own;
	pool->servers[number].failed_until_ms = 0;
	(void)pthread_mutex_unlock(&pool->lock);
}

/* When one idle connection is gone, so are the others: the server was started anew. */
static void drop_idle(struct directory_ldap_pool *pool, size_t number)
{
	(void)pthread_mutex_lock(&pool->lock);
	struct idle *list = pool->servers[number].idle;
	pool->servers[number].idle = NULL;
	(void)pthread_mutex_unlock(&pool->lock);
	close_list(pool, list);
}

static int run_on(struct directory_ldap_pool *pool, size_t number, void *connection,
	directory_ldap_work *work, void *context, struct err *err)
{
	int r = work(connection, number, context, err);
	if (r == DIRECTORY_LDAP_GONE)
		pool->options.close(connection);
	else
		give_back(pool, number, connection);
	return r;
}

static int run_server(struct directory_ldap_pool *pool, size_t number, directory_ldap_work *work,
	void *context, struct err *err)
{
	void *connection = take_idle(pool, number);
	int r = DIRECTORY_LDAP_GONE;
	if (connection)
		r = run_on(pool, number, connection, work, context, err);
	if (r != DIRECTORY_LDAP_GONE)
		return r;
	drop_idle(pool, number);
	r = pool->options.open(pool->options.context, number, &connection, err);
	if (r == 0)
		r = run_on(pool, number, connection, work, context, err);
	if (r == DIRECTORY_LDAP_GONE) {
		(void)pthread_mutex_lock(&pool->lock);
		pool->servers[number].failed_until_ms = clock_mono_ms() + LAST_FOR_MS;
		(void)pthread_mutex_unlock(&pool->lock);
	}
	return r;
}

int directory_ldap_pool_run(
	struct directory_ldap_pool *pool, directory_ldap_work *work, void *context, struct err *err)
{
	AUTO_FREE bool *tried = alloc_zero(pool->options.servers, sizeof(bool));
	wait_block_begin();
	int r = begin_use(pool, err);
	if (r == 0) {
		r = DIRECTORY_LDAP_GONE;
		for (size_t i = 0; r == DIRECTORY_LDAP_GONE && i < pool->options.servers; i++) {
			(void)pthread_mutex_lock(&pool->lock);
			size_t number = choose(pool, tried);
			(void)pthread_mutex_unlock(&pool->lock);
			tried[number] = true;
			r = run_server(pool, number, work, context, err);
		}
		end_use(pool);
	}
	wait_block_end();
	return r == DIRECTORY_LDAP_GONE ? -1 : r;
}
