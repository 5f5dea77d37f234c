/* Entries lie in a table of as many places as there may be entries, each by its key's hash: another
 * key in the same place takes it. So there is no list to keep, and memory is bounded. */
#include "directory/timed.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "directory/address.h"
#include "directory/driver.h"

#include <pthread.h>

enum {
	KEY_MAX = 1024,
	NAMES_MAX = 100, /* users and addresses of a route; larger ones are not kept */
};

enum question { LOOKUP = 'l', USER = 'u', DOMAIN = 'd' };

struct entry {
	struct arena arena; /* of all below */
	struct slice key;
	int64_t until_ms;
	int outcome;
	struct directory_route route; /* of USER: route.users[0] */
};

struct timed {
	struct directory base;
	struct directory *inner;
	int64_t positive_ms, negative_ms;
	size_t places;
	pthread_mutex_t lock; /* guards all below */
	struct entry **entries;
	size_t kept; /* of them that hold something */
	uint64_t hits;
	uint64_t flushes; /* what was asked before one is not kept after it */
};

static struct timed *of(struct directory *d)
{
	return (struct timed *)d;
}

static void drop(struct entry **at)
{
	if (*at)
		arena_free(&(*at)->arena);
	free(*at);
	*at = NULL;
}

static void copy_route(
	struct arena *arena, const struct directory_route *from, struct directory_route *to)
{
	*to = *from;
	to->detail = arena_copy(arena, from->detail);
	to->matched = arena_copy(arena, from->matched);
	to->elsewhere = ARENA_ARRAY(arena, struct slice, from->elsewhere_count);
	for (size_t i = 0; i < from->elsewhere_count; i++)
		to->elsewhere[i] = arena_copy(arena, from->elsewhere[i]);
	to->users = ARENA_ARRAY(arena, struct directory_user, from->count);
	for (size_t i = 0; i < from->count; i++)
		directory_user_copy(&from->users[i], arena, &to->users[i]);
}

static bool make_key(enum question question, struct slice name, struct buf *to)
{
	buf_add_byte(to, (char)question);
	for (size_t i = 0; i < name.len; i++)
		buf_add_byte(to, slice_lower(name.ptr[i]));
	return !to->failed;
}

/* What was said a short time ago, copied; false: ask. `ret_flushes` goes to keep(). */
static bool recall(struct timed *t, struct slice key, struct arena *arena,
	struct directory_route *ret_route, int *ret_outcome, uint64_t *ret_flushes)
{
	bool found = false;
	(void)pthread_mutex_lock(&t->lock);
	const struct entry *e = t->entries[bytes_hash(key) % t->places];
	*ret_flushes = t->flushes;
	if (e && slice_eq(e->key, key) && clock_mono_ms() < e->until_ms) {
		*ret_outcome = e->outcome;
		copy_route(arena, &e->route, ret_route);
		found = true;
		t->hits++;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return found;
}

static void keep(struct timed *t, struct slice key, uint64_t flushes, int outcome,
	const struct directory_route *route)
{
	int64_t ms = outcome == DIRECTORY_UNKNOWN ? t->negative_ms : t->positive_ms;
	if (outcome < 0 || ms <= 0 || route->count + route->elsewhere_count > NAMES_MAX)
		return;
	struct entry *e = ALLOC(struct entry);
	e->key = arena_copy(&e->arena, key);
	e->outcome = outcome;
	e->until_ms = clock_mono_ms() + ms;
	copy_route(&e->arena, route, &e->route);
	(void)pthread_mutex_lock(&t->lock);
	struct entry **at = &t->entries[bytes_hash(key) % t->places];
	if (flushes == t->flushes) {
		t->kept += *at ? 0 : 1;
		drop(at);
		*at = e;
		e = NULL;
	}
	(void)pthread_mutex_unlock(&t->lock);
	drop(&e);
}

static int timed_lookup(struct directory *d, struct slice address, struct arena *arena,
	struct directory_route *ret_route, struct err *err)
{
	AUTO(buf_free) struct buf key = BUF(KEY_MAX);
	uint64_t flushes;
	int r;
	if (!make_key(LOOKUP, address, &key))
		return directory_lookup(of(d)->inner, address, arena, ret_route, err);
	if (recall(of(d), buf_slice(&key), arena, ret_route, &r, &flushes)) {
		if (r == DIRECTORY_DENIED)
			(void)err_permanent(
				err, ERR_DENIED, "%.*s may get no mail", SLICE_ARG(address));
		return r;
	}
	r = directory_lookup(of(d)->inner, address, arena, ret_route, err);
	if (r > 0) {
		const struct directory_route none = {.detail = SLICE("")};
		keep(of(d), buf_slice(&key), flushes, r, &none);
	} else {
		keep(of(d), buf_slice(&key), flushes, r, ret_route);
	}
	return r;
}

static int timed_domain(struct directory *d, struct slice domain, struct err *err)
{
	AUTO(buf_free) struct buf key = BUF(KEY_MAX);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_route none = {0};
	uint64_t flushes;
	int r;
	if (!make_key(DOMAIN, domain, &key))
		return directory_domain(of(d)->inner, domain, err);
	if (recall(of(d), buf_slice(&key), &arena, &none, &r, &flushes))
		return r;
	r = directory_domain(of(d)->inner, domain, err);
	keep(of(d), buf_slice(&key), flushes, r, &none);
	return r;
}

/* Asked for no service in particular, so that one answer does for all. */
static int timed_user(struct directory *d, struct slice user, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	AUTO(buf_free) struct buf key = BUF(KEY_MAX);
	struct directory_route route = {0};
	uint64_t flushes;
	int r;
	if (!make_key(USER, user, &key))
		return directory_user(of(d)->inner, user, service, arena, ret_user, err);
	if (!recall(of(d), buf_slice(&key), arena, &route, &r, &flushes)) {
		r = directory_user(
			of(d)->inner, user, (enum directory_service)0, arena, ret_user, err);
		route = (struct directory_route){.users = ret_user, .count = 1};
		if (r == DIRECTORY_UNKNOWN)
			route.count = 0;
		keep(of(d), buf_slice(&key), flushes, r, &route);
	} else if (r != DIRECTORY_UNKNOWN) {
		*ret_user = route.users[0];
	}
	return r == 0 || r == DIRECTORY_DENIED ? directory_allows(ret_user, service, err) : r;
}

static int timed_check(struct directory *d, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err)
{
	return directory_check(of(d)->inner, user, password, client, service, arena, ret_user, err);
}

static int timed_check_master(struct directory *d, struct slice user,
	const struct directory_master *master, struct slice client, enum directory_service service,
	struct arena *arena, struct directory_user *ret_user, struct err *err)
{
	return directory_check_master(
		of(d)->inner, user, master, client, service, arena, ret_user, err);
}

static int timed_scram(
	struct directory *d, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	return directory_scram(of(d)->inner, user, ret_keys, err);
}

static int timed_scan(struct directory *d, struct slice domain, struct slice pattern,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	struct err *err)
{
	struct directory *inner = of(d)->inner;
	return inner->driver->scan
		       ? inner->driver->scan(inner, domain, pattern, visit, context, err)
		       : err_permanent(err, ERR_DENIED, "this directory does not list its users");
}

/* Aliases lead to him, too, so names in routes count. */
static bool is_about(const struct entry *e, struct slice user)
{
	if (user.len == 0 || slice_eq_nocase(slice_from(e->key, 1), user) ||
		slice_eq_nocase(e->route.matched, user))
		return true;
	for (size_t i = 0; i < e->route.count; i++)
		if (slice_eq_nocase(e->route.users[i].name, user))
			return true;
	return false;
}

static int timed_set_host(
	struct directory *d, struct slice user, struct slice host, struct err *err)
{
	int r = directory_set_host(of(d)->inner, user, host, err);
	directory_flush(d, user);
	return r;
}

static void timed_flush(struct directory *d, struct slice user)
{
	struct timed *t = of(d);
	(void)pthread_mutex_lock(&t->lock);
	t->flushes++;
	for (size_t i = 0; i < t->places; i++)
		if (t->entries[i] && is_about(t->entries[i], user)) {
			drop(&t->entries[i]);
			t->kept--;
		}
	(void)pthread_mutex_unlock(&t->lock);
	directory_flush(t->inner, user);
}

static void timed_free(struct directory *d)
{
	struct timed *t = of(d);
	for (size_t i = 0; i < t->places; i++)
		drop(&t->entries[i]);
	free(t->entries);
	directory_free(t->inner);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static const struct directory_driver TIMED = {
	.name = "timed",
	.lookup = timed_lookup,
	.domain = timed_domain,
	.check = timed_check,
	.check_master = timed_check_master,
	.user = timed_user,
	.scram = timed_scram,
	.scan = timed_scan,
	.set_host = timed_set_host,
	.flush = timed_flush,
	.free = timed_free,
};

struct directory *directory_timed_new(const struct directory_timed_options *options)
{
	struct timed *t = ALLOC(struct timed);
	t->base = (struct directory){.driver = &TIMED, .no_scram = options->inner->no_scram};
	t->inner = options->inner;
	t->positive_ms = options->positive_ms;
	t->negative_ms = options->negative_ms;
	t->places = MAX(options->entries_max, (size_t)1);
	t->entries = alloc_zero(t->places, sizeof(struct entry *));
	must(pthread_mutex_init(&t->lock, NULL) == 0);
	return &t->base;
}

uint64_t directory_timed_hits(const struct directory *timed)
{
	struct timed *t = (struct timed *)(uintptr_t)timed;
	(void)pthread_mutex_lock(&t->lock);
	uint64_t hits = t->hits;
	(void)pthread_mutex_unlock(&t->lock);
	return hits;
}

size_t directory_timed_kept(const struct directory *timed)
{
	struct timed *t = (struct timed *)(uintptr_t)timed;
	(void)pthread_mutex_lock(&t->lock);
	size_t kept = t->kept;
	(void)pthread_mutex_unlock(&t->lock);
	return kept;
}
