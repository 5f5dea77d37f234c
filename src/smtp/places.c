/* Buckets of places under one lock, which is held for a look only: connecting waits outside. */
#include "smtp/places.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/must.h"
#include "net/layer.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	BUCKETS = 256,
	PLACES_MAX = 4096,
	KEEP_MS = 5 * 60 * 1000,
	AWAY_MS = 2000,
};

struct smtp_place {
	struct smtp_place *next;
	struct smtp_client_pool *pool;
	atomic_int_fast64_t away_until; /* clock_mono_ms() */
	unsigned users;                 /* both under the table's lock */
	int64_t used_ms;
	struct slice name;
};

struct smtp_places {
	struct smtp_place own;
	struct net_remote own_servers[SMTP_CLIENT_SERVERS_MAX];
	size_t own_count;
	char *hostname, port[8];
	const char *const *names; /* borrowed */
	size_t name_count;
	bool tls;
	unsigned timeout_ms;
	size_t max;
	int64_t keep_ms;
	struct net_together together;
	struct net_tls_client *trust; /* NULL: nobody is spoken to by TLS */
	pthread_mutex_t lock;         /* guards what follows; nothing waits under it */
	struct smtp_place *buckets[BUCKETS];
	size_t count;
};

static struct smtp_client_pool *new_pool(
	const struct smtp_places *p, const struct net_remote *servers, size_t count)
{
	const struct smtp_client_options options = {.servers = servers,
		.server_count = count,
		.trust = p->trust,
		.hostname = p->hostname,
		.timeout_ms = p->timeout_ms};
	return smtp_client_pool_new(&options);
}

static int take_own(struct smtp_places *p, const struct smtp_places_options *o, struct err *err)
{
	if (o->own_count > SMTP_CLIENT_SERVERS_MAX)
		return err_permanent(
			err, ERR_LIMIT, "more than %d servers", (int)SMTP_CLIENT_SERVERS_MAX);
	for (size_t i = 0; i < o->own_count; i++)
		if (net_remote_parse(
			    slice_str(o->own[i]), NULL, &p->own_servers[p->own_count++], err) < 0)
			return -1;
	return 0;
}

int smtp_places_new(
	const struct smtp_places_options *o, struct smtp_places **ret_places, struct err *err)
{
	struct smtp_places *p = ALLOC(struct smtp_places);
	bool tls = o->tls;
	p->hostname = slice_dup(slice_str(o->hostname));
	(void)snprintf(p->port, sizeof(p->port), "%u", o->port);
	p->names = o->names;
	p->name_count = o->name_count;
	p->tls = o->tls;
	p->timeout_ms = o->timeout_ms;
	p->max = o->places_max ? o->places_max : PLACES_MAX;
	p->keep_ms = o->keep_ms ? o->keep_ms : KEEP_MS;
	must(pthread_mutex_init(&p->lock, NULL) == 0);
	int r = take_own(p, o, err);
	for (size_t i = 0; i < p->own_count; i++)
		tls = tls || p->own_servers[i].tls;
	if (r == 0 && tls)
		r = net_tls_client_new(o->ca_file, true, &p->trust, err);
	if (r < 0) {
		smtp_places_free(p);
		return r;
	}
	if (p->own_count > 0)
		p->own.pool = new_pool(p, p->own_servers, p->own_count);
	*ret_places = p;
	return 0;
}

static void free_place(struct smtp_place *place)
{
	smtp_client_pool_free(place->pool);
	free((char *)place->name.ptr);
	free(place);
}

void smtp_places_free(struct smtp_places *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct smtp_place *at = p->buckets[i], *next; at; at = next) {
			next = at->next;
			free_place(at);
		}
	smtp_client_pool_free(p->own.pool);
	net_tls_client_free(p->trust);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->hostname);
	free(p);
}

static bool is_here(const struct smtp_places *p, struct slice host)
{
	bool is = slice_eq_nocase(host, slice_str(p->hostname));
	for (size_t i = 0; !is && i < p->name_count; i++)
		is = slice_eq_nocase(host, slice_str(p->names[i]));
	return is && p->own.pool;
}

static int no_host(struct slice text, struct err *err)
{
	return err_temporary(err, ERR_BAD_INPUT,
		"the directory has \"%.*s\" where a host should be",
		SLICE_ARG(slice_sub(text, 0, 100)));
}

static int take_server(const struct smtp_places *p, struct slice text,
	struct net_remote servers[SMTP_CLIENT_SERVERS_MAX], size_t *count, struct err *err)
{
	struct err ignored;
	size_t more = is_here(p, text) ? p->own_count : 1;
	if (*count + more > SMTP_CLIENT_SERVERS_MAX)
		return no_host(text, err);
	if (is_here(p, text)) {
		memcpy(servers + *count, p->own_servers, more * sizeof(*servers));
		*count += more;
		return 0;
	}
	struct net_remote *server = &servers[*count];
	if (net_remote_parse(text, p->port, server, &ignored) < 0 || server->tls ||
		server->address.len > 0)
		return no_host(text, err);
	server->tls = p->tls;
	(*count)++;
	return 0;
}

int smtp_places_name(const struct smtp_places *p, struct slice host, struct arena *arena,
	struct slice *ret_name, struct err *err)
{
	struct net_remote servers[SMTP_CLIENT_SERVERS_MAX];
	struct slice rest = slice_trim(host), one = rest;
	char *name = ARENA_ARRAY(arena, char, rest.len + 1);
	size_t len = 0, count = 0;
	if (rest.len > SMTP_PLACE_NAME_MAX)
		return no_host(host, err);
	while (rest.len > 0) {
		bool last = slice_find(rest, ',') < 0;
		one = slice_trim(slice_cut(&rest, ','));
		if (len > 0)
			name[len++] = ',';
		/* What is looked at is what it will be called. */
		for (size_t i = 0; i < one.len; i++)
			name[len + i] = slice_lower(one.ptr[i]);
		if (one.len == 0 || (!last && rest.len == 0) ||
			take_server(p, slice(name + len, one.len), servers, &count, err) < 0)
			return no_host(host, err);
		len += one.len;
	}
	*ret_name = is_here(p, slice(name, len)) ? SLICE("") : slice(name, len);
	return 0;
}

static struct smtp_place **bucket_of(struct smtp_places *p, struct slice name)
{
	return &p->buckets[bytes_hash(name) % BUCKETS];
}

static struct smtp_place *find(struct smtp_places *p, struct slice name)
{
	struct smtp_place *at = *bucket_of(p, name);
	while (at && !slice_eq(at->name, name))
		at = at->next;
	return at;
}

/* Takes those out of the table that nobody has used since then. */
static struct smtp_place *take_out(struct smtp_places *p, int64_t since_ms)
{
	struct smtp_place *out = NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct smtp_place **at = &p->buckets[i], *place; (place = *at);) {
			if (place->users > 0 || place->used_ms > since_ms) {
				at = &place->next;
				continue;
			}
			*at = place->next;
			place->next = out;
			out = place;
			p->count--;
		}
	return out;
}

static void free_all(struct smtp_place *place)
{
	for (struct smtp_place *next; place; place = next) {
		next = place->next;
		free_place(place);
	}
}

void smtp_places_keep_house(struct smtp_places *p)
{
	(void)pthread_mutex_lock(&p->lock);
	struct smtp_place *old = take_out(p, clock_mono_ms() - p->keep_ms);
	(void)pthread_mutex_unlock(&p->lock);
	free_all(old);
}

size_t smtp_places_count(struct smtp_places *p)
{
	(void)pthread_mutex_lock(&p->lock);
	size_t count = p->count;
	(void)pthread_mutex_unlock(&p->lock);
	return count;
}

static int make(
	struct smtp_places *p, struct slice name, struct smtp_place **ret_place, struct err *err)
{
	struct net_remote servers[SMTP_CLIENT_SERVERS_MAX];
	size_t count = 0;
	struct slice rest = name;
	while (rest.len > 0)
		if (take_server(p, slice_cut(&rest, ','), servers, &count, err) < 0)
			return -1;
	if (count == 0)
		return err_temporary(err, ERR_UNAVAILABLE, "there is no store here");
	*ret_place = ALLOC(struct smtp_place);
	(*ret_place)->pool = new_pool(p, servers, count);
	(*ret_place)->name = slice_str(slice_dup(name));
	return 0;
}

/* What was made may have been made by another one meanwhile, or is one too many; then it stays the
 * caller's. */
static struct smtp_place *put_in(
	struct smtp_places *p, struct smtp_place *made, struct smtp_place **ret_unused)
{
	(void)pthread_mutex_lock(&p->lock);
	struct smtp_place *place = find(p, made->name);
	if (!place && p->count >= p->max)
		*ret_unused = take_out(p, INT64_MAX - 1);
	if (!place && p->count < p->max) {
		place = made;
		place->next = *bucket_of(p, made->name);
		*bucket_of(p, made->name) = place;
		p->count++;
	}
	if (place)
		place->users++;
	(void)pthread_mutex_unlock(&p->lock);
	return place;
}

int smtp_places_take(
	struct smtp_places *p, struct slice name, struct smtp_place **ret_place, struct err *err)
{
	struct smtp_place *made, *unused = NULL;
	if (name.len == 0 && p->own.pool) {
		*ret_place = &p->own;
		return 0;
	}
	(void)pthread_mutex_lock(&p->lock);
	*ret_place = find(p, name);
	if (*ret_place)
		(*ret_place)->users++;
	(void)pthread_mutex_unlock(&p->lock);
	if (*ret_place)
		return 0;
	if (make(p, name, &made, err) < 0)
		return -1;
	*ret_place = put_in(p, made, &unused);
	if (*ret_place != made)
		free_place(made);
	free_all(unused);
	return *ret_place
		       ? 0
		       : err_temporary(err, ERR_LIMIT, "more than %zu back ends at once", p->max);
}

void smtp_places_give(struct smtp_places *p, struct smtp_place *place)
{
	if (place == &p->own)
		return;
	(void)pthread_mutex_lock(&p->lock);
	place->users--;
	place->used_ms = clock_mono_ms();
	(void)pthread_mutex_unlock(&p->lock);
}

struct net_together *smtp_places_together(struct smtp_places *p)
{
	return &p->together;
}

struct smtp_client_pool *smtp_place_pool(struct smtp_place *place)
{
	return place->pool;
}

void smtp_place_set_away(struct smtp_place *place)
{
	atomic_store(&place->away_until, clock_mono_ms() + AWAY_MS);
}

void smtp_place_set_here(struct smtp_place *place)
{
	if (atomic_load_explicit(&place->away_until, memory_order_relaxed) != 0)
		atomic_store(&place->away_until, 0);
}

bool smtp_place_is_away(struct smtp_place *place)
{
	int_fast64_t until = atomic_load_explicit(&place->away_until, memory_order_relaxed);
	if (until == 0)
		return false;
	int64_t now = clock_mono_ms();
	return now < until ||
	       !atomic_compare_exchange_strong(&place->away_until, &until, now + AWAY_MS);
}
