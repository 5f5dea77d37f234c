/* Each key is an object "DOMAIN SELECTOR"; its data is a version, flags, a time and the private key
 * as PEM. In memory they are a list, which a change replaces whole: who signs meanwhile goes on
 * with the one that he has. */
#include "keys/keys.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "filter/name.h"

#include <pthread.h>
#include <stdatomic.h>

enum { VERSION = 1, SIGNS = 1, ROW_MAX_LEN = FILTER_DKIM_PEM_MAX + 32, NAME_MAX_LEN = 400 };

static const char COLLECTION[] = "dkim";

struct key {
	struct slice domain, selector; /* in the ring's arena */
	struct filter_dkim_secret *secret;
	bool signs;
	int64_t created;
};

/* All keys at one moment, by name. */
struct ring {
	atomic_uint refs;
	struct arena arena;
	struct key *list;
	size_t count, cap;
};

struct keys {
	struct store *store;
	struct store_watch *watch;
	atomic_bool stale;    /* rows have changed, maybe by the other node of a mirror */
	pthread_mutex_t lock; /* guards ring */
	struct ring *ring;
};

static void ring_unref(struct ring *ring)
{
	if (atomic_fetch_sub(&ring->refs, 1) != 1)
		return;
	for (size_t i = 0; i < ring->count; i++)
		filter_dkim_secret_free(ring->list[i].secret);
	free(ring->list);
	arena_free(&ring->arena);
	free(ring);
}

static int load(struct keys *keys, struct err *err);

/* Has the keys as they are now; as they were, when they can't be read. */
static struct ring *ring_of(struct keys *keys)
{
	struct err err;
	if (atomic_exchange(&keys->stale, false) && load(keys, &err) < 0) {
		atomic_store(&keys->stale, true);
		log_warn(NULL, "DKIM keys can't be read anew", F_ERR(&err));
	}
	(void)pthread_mutex_lock(&keys->lock);
	struct ring *ring = keys->ring;
	(void)atomic_fetch_add(&ring->refs, 1);
	(void)pthread_mutex_unlock(&keys->lock);
	return ring;
}

static bool read_row(
	struct slice data, bool *ret_signs, int64_t *ret_created, struct slice *ret_pem)
{
	struct slice version;
	uint64_t flags, created;
	if (!bytes_cut(&data, 1, &version) || version.ptr[0] != VERSION ||
		!bytes_cut_varint(&data, &flags) || !bytes_cut_varint(&data, &created) ||
		created > INT64_MAX)
		return false;
	*ret_signs = flags & SIGNS;
	*ret_created = (int64_t)created;
	*ret_pem = data;
	return true;
}

static void write_row(bool signs, int64_t created, struct slice pem, struct buf *to)
{
	buf_add_byte(to, VERSION);
	bytes_add_varint(to, signs ? SIGNS : 0);
	bytes_add_varint(to, (uint64_t)created);
	buf_add_slice(to, pem);
}

static void add_to_ring(struct ring *ring, const struct store_object *object)
{
	struct key key = {0};
	struct slice pem, name = arena_copy(&ring->arena, object->name);
	struct err err = {0};
	key.domain = slice_cut(&name, ' ');
	key.selector = name;
	if (!read_row(object->data, &key.signs, &key.created, &pem) ||
		filter_dkim_secret_read(pem, &key.secret, &err) < 0) {
		log_error(NULL, "a DKIM key can't be read", F_SLICE("domain", key.domain),
			F_SLICE("selector", key.selector), F_ERR(&err));
		return;
	}
	if (ring->count == ring->cap) {
		ring->cap = ring->cap ? ring->cap * 2 : 8;
		ring->list = alloc_resize(ring->list, ring->cap, sizeof(*ring->list));
	}
	ring->list[ring->count++] = key;
}

static bool visit_object(void *context, const struct store_object *object)
{
	add_to_ring(context, object);
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = slice_cmp(x->domain, y->domain);
	return order != 0 ? order : slice_cmp(x->selector, y->selector);
}

static int load(struct keys *keys, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection c;
	struct ring *ring = ALLOC(struct ring);
	atomic_init(&ring->refs, 1);
	int r = store_find_collection(keys->store, STORE_SYSTEM_ACCOUNT, STORE_DKIM,
		slice_str(COLLECTION), &arena, &c, err);
	if (r == 0)
		r = store_scan_objects(keys->store, STORE_SYSTEM_ACCOUNT, c.id, 1, UINT32_MAX,
			visit_object, ring, err);
	if (r < 0) {
		ring_unref(ring);
		return r;
	}
	if (ring->count > 1)
		qsort(ring->list, ring->count, sizeof(*ring->list), by_name);
	(void)pthread_mutex_lock(&keys->lock);
	struct ring *before = keys->ring;
	keys->ring = ring;
	(void)pthread_mutex_unlock(&keys->lock);
	if (before)
		ring_unref(before);
	return 0;
}

static void woken(void *context, struct id account)
{
	struct keys *keys = context;
	atomic_store(&keys->stale, true);
}

int keys_open(struct store *store, struct keys **ret_keys, struct err *err)
{
	struct keys *keys = ALLOC(struct keys);
	keys->store = store;
	keys->watch = store_watch(store, STORE_SYSTEM_ACCOUNT, woken, keys);
	must(pthread_mutex_init(&keys->lock, NULL) == 0);
	int r = load(keys, err);
	if (r < 0) {
		store_unwatch(store, keys->watch);
		(void)pthread_mutex_destroy(&keys->lock);
		free(keys);
		return r;
	}
	*ret_keys = keys;
	return 0;
}

void keys_close(struct keys *keys)
{
	if (!keys)
		return;
	store_unwatch(keys->store, keys->watch);
	ring_unref(keys->ring);
	(void)pthread_mutex_destroy(&keys->lock);
	free(keys);
}

/* "DOMAIN SELECTOR", both as they are asked for in the DNS. */
static int make_name(struct slice domain, struct slice selector, struct arena *arena,
	struct slice *ret_domain, struct slice *ret_name, struct err *err)
{
	struct slice label;
	if (!filter_name_to_ascii(domain, arena, ret_domain))
		return err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is no domain",
			(int)MIN(domain.len, (size_t)100), domain.ptr);
	if (!filter_name_to_ascii(selector, arena, &label) || label.len > KEYS_SELECTOR_MAX)
		return err_permanent(err, ERR_BAD_INPUT, "\"%.*s\" is no selector",
			(int)MIN(selector.len, (size_t)100), selector.ptr);
	*ret_name = slice_str(
		arena_printf(arena, "%.*s %.*s", SLICE_ARG(*ret_domain), SLICE_ARG(label)));
	return 0;
}

static int begin(struct keys *keys, struct store_write **ret_write,
	struct store_collection **ret_collection, struct err *err)
{
	const struct id account = STORE_SYSTEM_ACCOUNT;
	int r = store_write_begin(keys->store, &account, 1, ret_write, err);
	if (r < 0)
		return r;
	r = store_write_find_collection(
		*ret_write, account, STORE_DKIM, slice_str(COLLECTION), ret_collection, err);
	if (r == STORE_ABSENT)
		r = store_write_collection_new(*ret_write, account, STORE_DKIM,
			slice_str(COLLECTION), SLICE(""), ret_collection, err);
	if (r < 0)
		store_write_abort(*ret_write);
	return r;
}

static int end(struct keys *keys, struct store_write *write, int r, struct err *err)
{
	if (r < 0) {
		store_write_abort(write);
		return r;
	}
	r = store_write_commit(write, err);
	return r < 0 ? r : load(keys, err);
}

static size_t count_of(struct keys *keys, struct slice domain)
{
	struct ring *ring = ring_of(keys);
	size_t count = 0;
	for (size_t i = 0; i < ring->count; i++)
		count += slice_eq(ring->list[i].domain, domain);
	ring_unref(ring);
	return count;
}

/* Of the algorithm's first letter and the day, which nobody has taken so far. */
static struct slice make_selector(enum filter_dkim_algorithm algorithm, struct arena *arena)
{
	struct clock_date d = clock_to_date(clock_wall());
	return slice_str(arena_printf(arena, "%c%04d%02d%02d",
		algorithm == FILTER_DKIM_RSA_SHA256 ? 'r' : 'e', (int)d.year, d.month, d.day));
}

static int write_new(struct keys *keys, struct slice name, struct slice data, struct err *err)
{
	struct store_write *write;
	struct store_collection *c;
	if (begin(keys, &write, &c, err) < 0)
		return -1;
	struct store_object object = {.name = name, .data = data};
	int r = store_write_object_new(write, c, &object, SLICE_NONE, err);
	if (r < 0 && err->kind == ERR_EXISTS)
		(void)err_permanent(
			err, ERR_EXISTS, "there is a key %.*s already", SLICE_ARG(name));
	return end(keys, write, r, err);
}

int keys_add(struct keys *keys, struct slice domain, struct slice selector,
	enum filter_dkim_algorithm algorithm, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf pem = BUF(FILTER_DKIM_PEM_MAX), row = BUF(ROW_MAX_LEN);
	struct filter_dkim_secret *secret = NULL;
	struct slice name;
	if (selector.len == 0)
		selector = make_selector(algorithm, &arena);
	if (make_name(domain, selector, &arena, &domain, &name, err) < 0)
		return -1;
	if (count_of(keys, domain) >= KEYS_OF_DOMAIN_MAX)
		return err_permanent(err, ERR_LIMIT, "%.*s has %d keys already: remove old ones",
			SLICE_ARG(domain), KEYS_OF_DOMAIN_MAX);
	int r = filter_dkim_secret_new(algorithm, &secret, err);
	if (r == 0)
		r = filter_dkim_secret_write(secret, &pem, err);
	filter_dkim_secret_free(secret);
	if (r == 0) {
		write_row(true, clock_wall(), buf_slice(&pem), &row);
		r = write_new(keys, name, buf_slice(&row), err);
	}
	if (pem.data)
		explicit_bzero(pem.data, pem.len);
	if (row.data)
		explicit_bzero(row.data, row.len);
	return r;
}

/* `signs` NULL: it goes. */
static int change(struct keys *keys, struct slice domain, struct slice selector, const bool *signs,
	struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX_LEN);
	struct store_write *write;
	struct store_collection *c;
	struct store_object object;
	struct slice name, pem;
	bool signed_before;
	int64_t created;
	if (make_name(domain, selector, &arena, &domain, &name, err) < 0 ||
		begin(keys, &write, &c, err) < 0)
		return -1;
	int r = store_write_find_object(write, c, name, &object, err);
	if (r == STORE_ABSENT)
		r = err_permanent(err, ERR_ABSENT, "there is no key %.*s", SLICE_ARG(name));
	if (r == 0 && !signs) {
		r = store_write_object_gone(write, c, &object, err);
	} else if (r == 0 && !read_row(object.data, &signed_before, &created, &pem)) {
		r = err_temporary(err, ERR_DAMAGED, "the key can't be read");
	} else if (r == 0) {
		write_row(*signs, created, pem, &row);
		object.data = buf_slice(&row);
		r = store_write_object(write, c, &object, SLICE_NONE, err);
	}
	return end(keys, write, r, err);
}

int keys_set(
	struct keys *keys, struct slice domain, struct slice selector, bool signs, struct err *err)
{
	return change(keys, domain, selector, &signs, err);
}

int keys_remove(struct keys *keys, struct slice domain, struct slice selector, struct err *err)
{
	return change(keys, domain, selector, NULL, err);
}

void keys_list(struct keys *keys, struct slice domain,
	void (*visit)(void *context, const struct keys_info *info), void *context)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice wanted = SLICE("");
	struct ring *ring = ring_of(keys);
	bool all = domain.len == 0;
	if (!all && !filter_name_to_ascii(domain, &arena, &wanted))
		wanted = SLICE(""); /* none has that */
	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->list[i];
		AUTO(buf_free) struct buf record = BUF(FILTER_DKIM_PEM_MAX);
		struct err err;
		if (!all && !slice_eq(key->domain, wanted))
			continue;
		if (filter_dkim_secret_record(key->secret, &record, &err) < 0)
			continue;
		const struct keys_info info = {key->domain, key->selector,
			filter_dkim_secret_algorithm(key->secret), key->signs, key->created,
			buf_slice(&record)};
		visit(context, &info);
	}
	ring_unref(ring);
}

int keys_sign(struct keys *keys, struct slice domain, const struct filter_message *message,
	struct buf *to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_dkim_signer signers[KEYS_OF_DOMAIN_MAX];
	struct ring *ring = ring_of(keys);
	struct slice wanted;
	size_t count = 0;
	if (ring->count > 0 && filter_name_to_ascii(domain, &arena, &wanted))
		for (size_t i = 0; i < ring->count && count < KEYS_OF_DOMAIN_MAX; i++)
			if (ring->list[i].signs && slice_eq(ring->list[i].domain, wanted))
				signers[count++] = (struct filter_dkim_signer){ring->list[i].domain,
					ring->list[i].selector, ring->list[i].secret};
	int r = count > 0 ? filter_dkim_sign(message, signers, count, clock_wall(), 0, to, err) : 0;
	ring_unref(ring);
	return r;
}

int keys_seal(struct keys *keys, struct slice domain, const struct filter_message *message,
	const struct filter_arc_result *came, struct slice results, struct buf *to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct ring *ring = ring_of(keys);
	const struct key *found = NULL;
	struct slice wanted;
	if (ring->count > 0 && filter_name_to_ascii(domain, &arena, &wanted))
		for (size_t i = 0; i < ring->count && !found; i++) {
			const struct key *key = &ring->list[i];
			if (key->signs && slice_eq(key->domain, wanted) &&
				filter_dkim_secret_algorithm(key->secret) == FILTER_DKIM_RSA_SHA256)
				found = key;
		}
	int r = FILTER_ARC_NOT_SEALED;
	if (found) {
		struct filter_dkim_signer signer = {found->domain, found->selector, found->secret};
		r = filter_arc_seal(message, came, &signer, results, clock_wall(), to, err);
	}
	ring_unref(ring);
	return r;
}
