/* The pool. Connections are made outside its lock; a place in `links` is kept for them. */
#include "store/drivers/postgres/pool.h"

#include "base/errno_here.h"
#include "base/must.h"

enum { LEAF_WAIT_MS = 30000 };

void postgres_pool_init(
	struct postgres_pool *pool, const struct postgres_place *place, unsigned max)
{
	pthread_condattr_t attr;
	*pool = (struct postgres_pool){.place = *place, .max = MAX(max, 2U * POSTGRES_LEAVES)};
	must(pthread_mutex_init(&pool->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&pool->returned, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
}

static void lock(struct postgres_pool *pool)
{
	must(pthread_mutex_lock(&pool->lock) == 0);
}

static void unlock(struct postgres_pool *pool)
{
	must(pthread_mutex_unlock(&pool->lock) == 0);
}

static struct postgres_link *pop(struct postgres_pool *pool)
{
	struct postgres_link *link = pool->idle;
	if (link)
		pool->idle = link->next;
	return link;
}

void postgres_pool_free(struct postgres_pool *pool)
{
	struct postgres_link *link;
	while ((link = pop(pool))) {
		pool->links--;
		postgres_link_free(link);
	}
	must(pool->links == 0);
	(void)pthread_cond_destroy(&pool->returned);
	(void)pthread_mutex_destroy(&pool->lock);
}

static bool has_room(const struct postgres_pool *pool, enum postgres_use use)
{
	return (pool->idle || pool->links < pool->max) &&
	       (use == POSTGRES_LEAF || pool->held < pool->max - POSTGRES_LEAVES);
}

/* With the lock held. False: nothing was free in time. */
static bool wait_for_room(struct postgres_pool *pool, enum postgres_use use, int64_t wait_ms)
{
	struct timespec until;
	int waited = 0;
	must(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!has_room(pool, use) && waited == 0)
		waited = pthread_cond_timedwait(&pool->returned, &pool->lock, &until);
	return has_room(pool, use);
}

/* Gives a place up. */
static void leave(struct postgres_pool *pool, bool held)
{
	lock(pool);
	pool->links--;
	pool->held -= held;
	must(pthread_cond_broadcast(&pool->returned) == 0);
	unlock(pool);
}

static int make(struct postgres_pool *pool, struct postgres_link **ret_link, struct err *err)
{
	struct postgres_link *link;
	if (postgres_link_new(&pool->place, &link, err) < 0)
		return -1;
	if (postgres_link_prepare(link, err) < 0) {
		postgres_link_free(link);
		return -1;
	}
	*ret_link = link;
	return 0;
}

int postgres_pool_take(struct postgres_pool *pool, enum postgres_use use, int64_t wait_ms,
	struct postgres_link **ret_link, struct err *err)
{
	struct postgres_link *link;
	bool held = use == POSTGRES_HELD;
	lock(pool);
	if (!wait_for_room(pool, use, wait_ms)) {
		unlock(pool);
		return err_temporary(err, ERR_UNAVAILABLE,
			"all %u connections to the database are in use", pool->max);
	}
	while ((link = pop(pool)) && !postgres_link_alive(link)) {
		postgres_link_free(link);
		pool->links--;
	}
	pool->links += !link;
	pool->held += held;
	unlock(pool);
	if (!link && make(pool, &link, err) < 0) {
		leave(pool, held);
		/* The password was right when the store was opened. */
		if (err && err->class == ERR_PERMANENT)
			err->class = ERR_TEMPORARY;
		return -1;
	}
	link->held = held;
	*ret_link = link;
	return 0;
}

void postgres_pool_give(struct postgres_pool *pool, struct postgres_link *link)
{
	bool held = link->held;
	if (link->lost) {
		postgres_link_free(link);
		leave(pool, held);
		return;
	}
	lock(pool);
	link->next = pool->idle;
	pool->idle = link;
	pool->held -= held;
	must(pthread_cond_broadcast(&pool->returned) == 0);
	unlock(pool);
}

int postgres_pool_call(struct postgres_pool *pool,
	int (*call)(struct postgres_link *link, void *context, struct err *err), void *context,
	struct err *err)
{
	struct postgres_link *link;
	for (int tries = 2;; tries--) {
		if (postgres_pool_take(pool, POSTGRES_LEAF, LEAF_WAIT_MS, &link, err) < 0)
			return -1;
		int rc = call(link, context, err);
		bool again = link->lost && !link->silent && rc < 0 && tries > 1;
		postgres_pool_give(pool, link);
		if (!again)
			return rc;
	}
}
