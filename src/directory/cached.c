/* Two tables: a new one, and the one before. When the new one is full it takes the old one's place,
 * so what was not asked for while half of all entries came is forgotten. */
#include "directory/cached.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "directory/address.h"
#include "directory/driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	ENTRIES_MAX = 100000,
	KEEP_MS = 7 * 24 * 3600 * 1000,
	/* Of a route. Of more users only that there are some is known; one with more addresses
	 * elsewhere, or with more users who live on hosts, is not remembered, since mail that goes
	 * to some of them would be lost to all others. */
	USERS_MAX = 100,
	ELSEWHERE_MAX = 100,
	NAMES_MAX = (2 * USERS_MAX + ELSEWHERE_MAX + 1) * 1024,
	GENERATIONS = 2,
};

/* What a kept name is, in front of it. */
enum name {
	USER = 'u',
	USER_WITHOUT_COPY = 'n',
	HOST = 'h', /* of the user in front of it */
	ADDRESS_ELSEWHERE = 'e',
	MATCHED = 'm',
};

/* What is asked about. */
enum question { LOOKUP = 'l', DOMAIN = 'd' };

struct entry {
	struct entry *next;
	uint64_t hash;
	int64_t said_ms;
	int outcome;
	size_t key_len, names_len;
	char bytes[]; /* the key; then names, each with its kind in front and ended by NUL */
};

struct generation {
	struct entry **buckets;
	size_t count;
};

struct cached {
	struct directory base;
	struct directory *inner;
	size_t half; /* entries of a generation */
	int64_t keep_ms;
	pthread_mutex_t lock;                       /* guards generations */
	struct generation generations[GENERATIONS]; /* the new one, the one before */
	atomic_uint_fast64_t used;
};

static struct cached *of(struct directory *d)
{
	return (struct cached *)d;
}

static void drop_all(const struct cached *c, struct generation *g)
{
	for (size_t i = 0; g->buckets && i < c->half; i++)
		for (struct entry *e = g->buckets[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	free(g->buckets);
	*g = (struct generation){0};
}

static void make_key(enum question question, struct slice name, struct buf *to)
{
	buf_add_byte(to, (char)question);
	for (size_t i = 0; i < name.len; i++)
		buf_add_byte(to, slice_lower(name.ptr[i]));
}

static struct entry **find(
	const struct cached *c, const struct generation *g, struct slice key, uint64_t hash)
{
	struct entry **at = g->buckets ? &g->buckets[hash % c->half] : NULL;
	while (at && *at &&
		!((*at)->hash == hash && slice_eq(slice((*at)->bytes, (*at)->key_len), key)))
		at = &(*at)->next;
	return at && *at ? at : NULL;
}

static void forget(struct cached *c, struct slice key, uint64_t hash)
{
	for (size_t i = 0; i < GENERATIONS; i++) {
		struct entry **at = find(c, &c->generations[i], key, hash), *e = at ? *at : NULL;
		if (!e)
			continue;
		*at = e->next;
		c->generations[i].count--;
		free(e);
	}
}

static void forget_key(struct cached *c, struct slice key)
{
	(void)pthread_mutex_lock(&c->lock);
	forget(c, key, bytes_hash(key));
	(void)pthread_mutex_unlock(&c->lock);
}

static void keep(struct cached *c, struct slice key, int outcome, struct slice names)
{
	uint64_t hash = bytes_hash(key);
	struct entry *e = alloc(sizeof(*e) + key.len + names.len);
	*e = (struct entry){.hash = hash,
		.said_ms = clock_mono_ms(),
		.outcome = outcome,
		.key_len = key.len,
		.names_len = names.len};
	memcpy(e->bytes, key.ptr, key.len);
	if (names.len > 0)
		memcpy(e->bytes + key.len, names.ptr, names.len);
	(void)pthread_mutex_lock(&c->lock);
	struct generation *new = &c->generations[0];
	forget(c, key, hash);
	if (new->count >= c->half) {
		drop_all(c, &c->generations[1]);
		c->generations[1] = *new;
		*new = (struct generation){0};
	}
	if (!new->buckets)
		new->buckets = alloc_zero(c->half, sizeof(struct entry *));
	e->next = new->buckets[hash % c->half];
	new->buckets[hash % c->half] = e;
	new->count++;
	(void)pthread_mutex_unlock(&c->lock);
}

/* What was said before; names in the arena. False: nothing, or too long ago. */
static bool recall(struct cached *c, struct slice key, struct arena *arena, int *ret_outcome,
	struct slice *ret_names)
{
	uint64_t hash = bytes_hash(key);
	bool found = false;
	(void)pthread_mutex_lock(&c->lock);
	for (size_t i = 0; !found && i < GENERATIONS; i++) {
		struct entry **at = find(c, &c->generations[i], key, hash);
		found = at && clock_mono_ms() - (*at)->said_ms < c->keep_ms;
		if (found) {
			*ret_outcome = (*at)->outcome;
			*ret_names = arena_copy(
				arena, slice((*at)->bytes + (*at)->key_len, (*at)->names_len));
		}
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (found)
		(void)atomic_fetch_add(&c->used, 1);
	return found;
}

static void write_name(enum name kind, struct slice name, struct buf *to)
{
	buf_add_byte(to, (char)kind);
	buf_add_slice(to, name);
	buf_add_byte(to, '\0');
}

/* Those who get mail first: that there are some must be known. */
static void write_names(const struct directory_route *route, struct buf *to)
{
	size_t count = 0;
	for (int without = 0; without < 2; without++)
		for (size_t i = 0; i < route->count && count < USERS_MAX; i++) {
			if (route->users[i].no_copy != (bool)without)
				continue;
			write_name(without ? USER_WITHOUT_COPY : USER, route->users[i].name, to);
			if (route->users[i].to_host.len > 0)
				write_name(HOST, route->users[i].to_host, to);
			count++;
		}
	for (size_t i = 0; i < route->elsewhere_count; i++)
		write_name(ADDRESS_ELSEWHERE, route->elsewhere[i], to);
	write_name(MATCHED, route->matched, to);
}

static void read_name(struct slice name, struct directory_route *route)
{
	enum name kind = (enum name)name.ptr[0];
	name = slice_from(name, 1);
	if (kind == MATCHED)
		route->matched = name;
	else if (kind == HOST)
		route->users[route->count - 1].to_host = name;
	else if (kind == ADDRESS_ELSEWHERE)
		route->elsewhere[route->elsewhere_count++] = name;
	else
		route->users[route->count++] = (struct directory_user){.name = name,
			.domain = directory_domain_of(name),
			.services = DIRECTORY_ALL_SERVICES,
			.no_copy = kind == USER_WITHOUT_COPY};
}

static void read_names(struct slice names, struct arena *arena, struct directory_route *ret_route)
{
	*ret_route = (struct directory_route){.detail = SLICE(""),
		.users = ARENA_ARRAY(arena, struct directory_user, USERS_MAX),
		.elsewhere = ARENA_ARRAY(arena, struct slice, ELSEWHERE_MAX)};
	while (names.len > 0)
		read_name(slice_cut(&names, '\0'), ret_route);
}

static bool is_too_much(const struct directory_route *route)
{
	bool hosts = false;
	for (size_t i = 0; !hosts && i < route->count; i++)
		hosts = route->users[i].to_host.len > 0;
	return route->elsewhere_count > ELSEWHERE_MAX || (hosts && route->count > USERS_MAX);
}

static bool cant_tell(int r, const struct err *err)
{
	return r < 0 && err->class != ERR_PERMANENT;
}

static int cached_lookup(struct directory *d, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	AUTO(buf_free) struct buf key = BUF(4096), names = BUF(NAMES_MAX);
	struct slice kept;
	int outcome, r = directory_lookup(of(d)->inner, address, arena, ret_route, err);
	make_key(LOOKUP, address, &key);
	if (key.failed)
		return r;
	if (cant_tell(r, err) && recall(of(d), buf_slice(&key), arena, &outcome, &kept)) {
		read_names(kept, arena, ret_route);
		return outcome;
	}
	if (r == 0)
		write_names(ret_route, &names);
	if (r == 0 && (is_too_much(ret_route) || names.failed))
		forget_key(of(d), buf_slice(&key));
	else if (r >= 0)
		keep(of(d), buf_slice(&key), r, buf_slice(&names));
	return r;
}

static int cached_domain(struct directory *d, struct slice domain, struct err *err)
{
	AUTO(buf_free) struct buf key = BUF(4096);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice ignored;
	int outcome, r = directory_domain(of(d)->inner, domain, err);
	make_key(DOMAIN, domain, &key);
	if (key.failed)
		return r;
	if (cant_tell(r, err) && recall(of(d), buf_slice(&key), &arena, &outcome, &ignored))
		return outcome;
	if (r >= 0)
		keep(of(d), buf_slice(&key), r, SLICE_NONE);
	return r;
}

static int cached_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	return directory_check(of(d)->inner, user, password, client, service, arena, ret_user, err);
}

static int cached_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	return directory_user(of(d)->inner, user, service, arena, ret_user, err);
}

static int cached_check_master(struct directory *d, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	return directory_check_master(
		of(d)->inner, user, master, client, service, arena, ret_user, err);
}

static int cached_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory_scram(of(d)->inner, user, ret_keys, err);
}

/* Names of routes count, too: aliases lead to him. */
static bool is_about(const struct entry *e, struct slice user)
{
	struct slice names = slice(e->bytes + e->key_len, e->names_len);
	if (user.len == 0 || slice_eq_nocase(slice(e->bytes + 1, e->key_len - 1), user))
		return true;
	while (names.len > 0)
		if (slice_eq_nocase(slice_from(slice_cut(&names, '\0'), 1), user))
			return true;
	return false;
}

static void cached_flush(struct directory *d, struct slice user)
{
	struct cached *c = of(d);
	(void)pthread_mutex_lock(&c->lock);
	for (size_t g = 0; g < GENERATIONS; g++)
		for (size_t i = 0; c->generations[g].buckets && i < c->half; i++)
			for (struct entry **at = &c->generations[g].buckets[i]; *at;) {
				struct entry *e = *at;
				if (!is_about(e, user)) {
					at = &e->next;
					continue;
				}
				*at = e->next;
				c->generations[g].count--;
				free(e);
			}
	(void)pthread_mutex_unlock(&c->lock);
	directory_flush(c->inner, user);
}

static void cached_free(struct directory *d)
{
	struct cached *c = of(d);
	for (size_t i = 0; i < GENERATIONS; i++)
		drop_all(c, &c->generations[i]);
	directory_free(c->inner);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct directory_driver CACHED = {
	.name = "cached",
	.lookup = cached_lookup,
	.domain = cached_domain,
	.check = cached_check,
	.check_master = cached_check_master,
	.user = cached_user,
	.scram = cached_scram,
	.flush = cached_flush,
	.free = cached_free,
};

struct directory *directory_cached_new(const struct directory_cached_options *options)
{
	struct cached *c = ALLOC(struct cached);
	size_t most = options->entries_max ? options->entries_max : ENTRIES_MAX;
	c->base.driver = &CACHED;
	c->inner = options->inner;
	c->half = MAX(most / GENERATIONS, (size_t)1);
	c->keep_ms = options->keep_ms ? options->keep_ms : KEEP_MS;
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	return &c->base;
}

uint64_t directory_cached_used(const struct directory *cached)
{
	return atomic_load(&((const struct cached *)cached)->used);
}
