/* Idle connections to one address: a stack, so that the newest is used and old ones run out. */
#include "net/client_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <pthread.h>

struct net_pool {
	struct net_client_options options;
	char *tls_name, *ca_file;
	unsigned idle_max;
	pthread_mutex_t lock; /* guards all below; not held while connecting */
	struct net_client *idle;
	unsigned idle_count;
	struct net_tls_client *trust; /* loaded once, lent to every client */
};

static char *copy_string(const char *text)
{
	return text ? slice_dup(slice_str(text)) : NULL;
}

struct net_pool *net_pool_new(const struct net_client_options *options, unsigned idle_max)
{
	struct net_pool *pool = ALLOC(struct net_pool);
	pool->options = *options;
	pool->options.tls_name = pool->tls_name = copy_string(options->tls_name);
	pool->options.ca_file = pool->ca_file = copy_string(options->ca_file);
	pool->idle_max = idle_max;
	must(pthread_mutex_init(&pool->lock, NULL) == 0);
	return pool;
}

static struct net_client *pop(struct net_pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	struct net_client *client = pool->idle;
	if (client) {
		pool->idle = *net_client_next(client);
		pool->idle_count--;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return client;
}

static int load_trust(struct net_pool *pool, struct err *err)
{
	int done = 0;
	(void)pthread_mutex_lock(&pool->lock);
	bool verify = pool->tls_name && !pool->options.unverified;
	if (pool->options.tls == NET_CLIENT_TLS && !pool->options.trust && !pool->trust)
		done = net_tls_client_new(pool->ca_file, verify, &pool->trust, err);
	(void)pthread_mutex_unlock(&pool->lock);
	return done;
}

struct net_client *net_pool_take_idle(struct net_pool *pool)
{
	struct net_client *client;
	while ((client = pop(pool)) != NULL && !net_client_is_quiet(client))
		net_client_close(client);
	return client;
}

int net_pool_take(
	struct net_pool *pool, struct net_client **ret_client, bool *ret_reused, struct err *err)
{
	*ret_client = net_pool_take_idle(pool);
	*ret_reused = *ret_client != NULL;
	if (*ret_reused)
		return 0;
	if (load_trust(pool, err) != 0)
		return -1;
	return net_client_open(
		&pool->options, pool->trust ? pool->trust : pool->options.trust, ret_client, err);
}

void net_pool_give(struct net_pool *pool, struct net_client *client)
{
	bool kept = false;
	if (!net_client_is_quiet(client)) {
		net_client_close(client);
		return;
	}
	(void)pthread_mutex_lock(&pool->lock);
	if (pool->idle_count < pool->idle_max) {
		*net_client_next(client) = pool->idle;
		pool->idle = client;
		pool->idle_count++;
		kept = true;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	if (!kept)
		net_client_close(client);
}

void net_pool_free(struct net_pool *pool)
{
	struct net_client *client;
	if (!pool)
		return;
	while ((client = pop(pool)) != NULL)
		net_client_close(client);
	net_tls_client_free(pool->trust);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool->tls_name);
	free(pool->ca_file);
	free(pool);
}
