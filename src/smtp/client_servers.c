/* The servers of a store, and connections to them. A server has five seconds for each step to where
 * it takes a message, two where there is another one to ask. */
#include "smtp/client_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	DEFAULT_IDLE_MAX = 64,
	STEP_MS = 5000,
	STEP_OF_SEVERAL_MS = 2000,
	PASSED_OVER_MS = 2000, /* at first; then twice as long each time */
	PASSED_OVER_MAX_MS = 30 * 1000,
	LOOKED_UP_MS = 60 * 1000, /* for so long addresses hold */
};

struct smtp_client_server {
	struct net_remote remote;
	struct net_pool *idle;
	atomic_uint extensions;                /* what it has offered last */
	atomic_int_fast64_t passed_over_until; /* clock_mono_ms(); 0: it works */
	atomic_uint passed_over_ms;            /* how long that was; 0: it works */
	pthread_mutex_t lock;                  /* guards all below; nothing waits under it */
	struct net_address addresses[NET_REMOTE_ADDRESSES_MAX]; /* the one that worked first */
	size_t address_count;
	int64_t looked_up_ms; /* clock_mono_ms(); 0: they are to be looked up anew */
};

struct smtp_client_pool {
	struct smtp_client_server servers[SMTP_CLIENT_SERVERS_MAX];
	unsigned count, timeout_ms;
	struct net_tls_client *trust;
	char *hostname;
};

struct smtp_client_pool *smtp_client_pool_new(const struct smtp_client_options *options)
{
	struct smtp_client_pool *pool = ALLOC(struct smtp_client_pool);
	const struct net_client_options none = {0}; /* it never connects by itself */
	must(options->server_count > 0 && options->server_count <= SMTP_CLIENT_SERVERS_MAX);
	pool->count = (unsigned)options->server_count;
	pool->timeout_ms = options->timeout_ms;
	pool->trust = options->trust;
	pool->hostname = slice_dup(slice_str(options->hostname));
	for (unsigned i = 0; i < pool->count; i++) {
		struct smtp_client_server *s = &pool->servers[i];
		s->remote = options->servers[i];
		s->idle = net_pool_new(
			&none, options->idle_max ? options->idle_max : DEFAULT_IDLE_MAX);
		must(pthread_mutex_init(&s->lock, NULL) == 0);
	}
	return pool;
}

void smtp_client_pool_drain(struct smtp_client_pool *pool)
{
	struct net_client *client;
	for (unsigned i = 0; i < pool->count; i++)
		while ((client = net_pool_take_idle(pool->servers[i].idle)))
			net_client_close(client);
}

void smtp_client_pool_free(struct smtp_client_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->count; i++) {
		net_pool_free(pool->servers[i].idle);
		(void)pthread_mutex_destroy(&pool->servers[i].lock);
	}
	free(pool->hostname);
	free(pool);
}

static const char *name_of(const struct smtp_client_server *s, char room[NET_ADDRESS_TEXT])
{
	if (s->remote.host[0])
		return s->remote.host;
	net_address_text(&s->remote.address, room);
	return room;
}

static void pass_over(struct smtp_client_pool *pool, struct smtp_client_server *s)
{
	char room[NET_ADDRESS_TEXT];
	unsigned before = atomic_load(&s->passed_over_ms);
	unsigned ms = before == 0 ? PASSED_OVER_MS : MIN(before * 2, (unsigned)PASSED_OVER_MAX_MS);
	if (pool->count < 2)
		return;
	atomic_store(&s->passed_over_until, clock_mono_ms() + ms);
	if (atomic_exchange(&s->passed_over_ms, ms) == 0)
		log_warn(NULL, "a server of a store fails", F_STR("server", name_of(s, room)));
}

static void works(struct smtp_client_server *s)
{
	char room[NET_ADDRESS_TEXT];
	if (atomic_load(&s->passed_over_ms) == 0)
		return;
	atomic_store(&s->passed_over_until, 0);
	if (atomic_exchange(&s->passed_over_ms, 0) != 0)
		log_info(
			NULL, "a server of a store works again", F_STR("server", name_of(s, room)));
}

/* Whom to ask next; NULL behind the last one. Of those that come to one whose time is over, one
 * tries it, and the others go on to the next. */
static struct smtp_client_server *pick(struct smtp_client_pool *pool, unsigned *tried)
{
	int64_t now = clock_mono_ms();
	for (int over = 0; over < 2; over++)
		for (unsigned i = 0; i < pool->count; i++) {
			struct smtp_client_server *s = &pool->servers[i];
			int_fast64_t until = atomic_load(&s->passed_over_until);
			if ((*tried & 1U << i) || (over == 0 && now < until))
				continue;
			if (over == 0 && until > 0 &&
				!atomic_compare_exchange_strong(
					&s->passed_over_until, &until, now + STEP_OF_SEVERAL_MS))
				continue;
			*tried |= 1U << i;
			return s;
		}
	return NULL;
}

/* When they can't be looked up they are where they were. */
static int find_addresses(struct smtp_client_server *s,
	struct net_address ret_addresses[NET_REMOTE_ADDRESSES_MAX], size_t *ret_count,
	struct err *err)
{
	(void)pthread_mutex_lock(&s->lock);
	bool holds = s->looked_up_ms > 0 && clock_mono_ms() - s->looked_up_ms < LOOKED_UP_MS;
	size_t known = *ret_count = s->address_count;
	memcpy(ret_addresses, s->addresses, sizeof(s->addresses));
	(void)pthread_mutex_unlock(&s->lock);
	if (holds)
		return 0;
	struct net_address found[NET_REMOTE_ADDRESSES_MAX];
	size_t count;
	if (net_remote_look_up(&s->remote, found, &count, err) < 0)
		return known > 0 ? 0 : -1;
	memcpy(ret_addresses, found, count * sizeof(*found));
	*ret_count = count;
	(void)pthread_mutex_lock(&s->lock);
	memcpy(s->addresses, found, count * sizeof(*found));
	s->address_count = count;
	s->looked_up_ms = clock_mono_ms();
	(void)pthread_mutex_unlock(&s->lock);
	return 0;
}

static void look_up_anew(struct smtp_client_server *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->looked_up_ms = 0;
	(void)pthread_mutex_unlock(&s->lock);
}

static int say_hello(struct smtp_client_pool *pool, struct smtp_exchange *x, struct err *err)
{
	struct smtp_offer offer = {0};
	char hello[300];
	(void)snprintf(hello, sizeof(hello), "LHLO %.255s\r\n", pool->hostname);
	net_client_write(x->net, slice_str(hello));
	if (smtp_client_expect(x->net, 250, &offer, err) < 0)
		return -1;
	x->extensions = offer.extensions;
	return 0;
}

/* What was said in the clear counts no more. */
static int start_tls(struct smtp_client_pool *pool, const struct smtp_client_server *s,
	struct smtp_exchange *x, struct err *err)
{
	if (!(x->extensions & SMTP_HAS_STARTTLS))
		return err_temporary(err, ERR_DENIED, "%s offers no STARTTLS", s->remote.host);
	if (!pool->trust)
		return err_temporary(err, ERR_DENIED, "nobody vouches for the certificate of %s",
			s->remote.host);
	net_client_write(x->net, SLICE("STARTTLS\r\n"));
	if (smtp_client_expect(x->net, 220, NULL, err) < 0)
		return -1;
	if (net_client_start_tls_with(x->net, pool->trust, s->remote.host, NULL, err) < 0) {
		err->class = ERR_TEMPORARY; /* a certificate may be put right */
		return err_prefix(err, "%s", s->remote.host);
	}
	return say_hello(pool, x, err);
}

static int greet(struct smtp_client_pool *pool, struct smtp_client_server *s,
	struct smtp_exchange *x, struct err *err)
{
	if (smtp_client_expect(x->net, 220, NULL, err) < 0 || say_hello(pool, x, err) < 0)
		return -1;
	if (s->remote.tls && start_tls(pool, s, x, err) < 0)
		return -1;
	atomic_store(&s->extensions, x->extensions);
	return 0;
}

static int connect_to(struct smtp_client_pool *pool, struct smtp_client_server *s,
	const struct net_address *address, bool hurries, struct smtp_exchange *x, struct err *err)
{
	unsigned step = hurries ? STEP_OF_SEVERAL_MS : STEP_MS;
	struct net_client_options o = {.address = *address,
		.timeout_ms = pool->timeout_ms ? MIN(pool->timeout_ms, step) : step};
	if (net_client_connect(&o, &x->net, err) < 0)
		return -1;
	if (greet(pool, s, x, err) == 0) {
		net_client_set_timeout(x->net, pool->timeout_ms);
		return 0;
	}
	net_client_close(x->net);
	return -1;
}

static int open_new(struct smtp_client_pool *pool, struct smtp_client_server *s,
	struct smtp_exchange *x, struct err *err)
{
	struct net_address addresses[NET_REMOTE_ADDRESSES_MAX];
	size_t count;
	if (find_addresses(s, addresses, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (connect_to(pool, s, &addresses[i], pool->count > 1 || i + 1 < count, x, err) ==
			0)
			return 0;
	look_up_anew(s);
	return -1;
}

int smtp_client_open(struct smtp_client_pool *pool, unsigned *tried,
	struct smtp_client_link *ret_link, struct err *err)
{
	struct smtp_client_server *s;
	(void)err_temporary(err, ERR_UNAVAILABLE, "none of its servers works");
	while ((s = pick(pool, tried))) {
		*ret_link = (struct smtp_client_link){.x.lmtp = true, .server = s};
		ret_link->x.net = net_pool_take_idle(s->idle);
		ret_link->reused = ret_link->x.net != NULL;
		if (ret_link->reused) {
			ret_link->x.extensions = atomic_load(&s->extensions);
			return 0;
		}
		if (open_new(pool, s, &ret_link->x, err) == 0) {
			works(s);
			return 0;
		}
		pass_over(pool, s);
	}
	return -1;
}

void smtp_client_keep(struct smtp_client_link *link)
{
	net_pool_give(link->server->idle, link->x.net);
}

void smtp_client_drop(
	struct smtp_client_pool *pool, struct smtp_client_link *link, bool failed, unsigned *tried)
{
	net_client_close(link->x.net);
	if (failed)
		pass_over(pool, link->server);
	else /* that one again */
		*tried &= ~(1U << (unsigned)(link->server - pool->servers));
}
