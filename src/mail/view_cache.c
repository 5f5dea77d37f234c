/* The newest views of the mailboxes used last, shared by all sessions of the process.
 *
 * A view is only believed after its change number was compared with the mailbox's row. Locks: a
 * shard's guards its table and list and is held for moments; an entry's guards its view and is held
 * while the view is brought up to date, so that of many who open one mailbox only one loads it.
 * Never is a shard's lock waited for with an entry's held, nor the other way round. */
#include "mail/mail_internal.h"
#include "mail/view_internal.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <pthread.h>

enum { SHARDS = 16, BUCKETS_LEAST = 16 };

struct entry {
	struct mail_key key;
	struct entry *next;          /* in the bucket */
	struct entry *older, *newer; /* by last use */
	uint32_t users;              /* threads that are at it; not dropped meanwhile */
	bool listed;
	pthread_mutex_t lock;
	struct mail_view *view;
};

struct shard {
	pthread_mutex_t lock;
	struct entry **buckets;
	uint32_t bucket_count, count, capacity;
	struct entry *oldest, *newest;
};

struct view_cache {
	struct shard shards[SHARDS];
};

struct view_cache *view_cache_new(uint32_t capacity)
{
	struct view_cache *cache = ALLOC(struct view_cache);
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		(void)pthread_mutex_init(&shard->lock, NULL);
		shard->capacity = MAX((capacity + SHARDS - 1) / SHARDS, 1u);
		shard->bucket_count = BUCKETS_LEAST;
		while (shard->bucket_count < shard->capacity && shard->bucket_count < 1u << 20)
			shard->bucket_count *= 2;
		shard->buckets = alloc_zero(shard->bucket_count, sizeof(*shard->buckets));
	}
	return cache;
}

static void entry_free(struct entry *entry)
{
	mail_view_unref(entry->view);
	(void)pthread_mutex_destroy(&entry->lock);
	free(entry);
}

void view_cache_free(struct view_cache *cache)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		while (shard->oldest) {
			struct entry *entry = shard->oldest;
			shard->oldest = entry->newer;
			entry_free(entry);
		}
		free(shard->buckets);
		(void)pthread_mutex_destroy(&shard->lock);
	}
	free(cache);
}

static void list_remove(struct shard *shard, struct entry *entry)
{
	*(entry->older ? &entry->older->newer : &shard->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &shard->newest) = entry->older;
}

static void list_add_newest(struct shard *shard, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = shard->newest;
	*(shard->newest ? &shard->newest->newer : &shard->oldest) = entry;
	shard->newest = entry;
}

/* Out of table and list; freed by its last user. */
static void unlist(struct shard *shard, struct entry *entry, uint64_t hash)
{
	struct entry **link = &shard->buckets[hash & (shard->bucket_count - 1)];
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	list_remove(shard, entry);
	entry->listed = false;
	shard->count--;
}

static uint64_t hash_of(const struct mail_key *key)
{
	return bytes_hash(slice(key, sizeof(*key)));
}

static struct shard *shard_of(struct view_cache *cache, uint64_t hash)
{
	return &cache->shards[hash >> 56 & (SHARDS - 1)];
}

/* The oldest entry that nobody uses makes room. Called with the shard locked. */
static struct entry *evict(struct shard *shard)
{
	for (struct entry *entry = shard->oldest; entry; entry = entry->newer) {
		if (entry->users == 0) {
			unlist(shard, entry, hash_of(&entry->key));
			return entry;
		}
	}
	return NULL;
}

static struct entry *find(struct shard *shard, uint64_t hash, const struct mail_key *key)
{
	struct entry *entry = shard->buckets[hash & (shard->bucket_count - 1)];
	while (entry && memcmp(&entry->key, key, sizeof(*key)) != 0)
		entry = entry->next;
	return entry;
}

/* The entry of that mailbox, made when there is none; the caller is one of its users then. */
static struct entry *take(struct view_cache *cache, const struct mail_key *key)
{
	uint64_t hash = hash_of(key);
	struct shard *shard = shard_of(cache, hash);
	struct entry *evicted = NULL;
	(void)pthread_mutex_lock(&shard->lock);
	struct entry *entry = find(shard, hash, key);
	if (entry) {
		list_remove(shard, entry);
	} else {
		if (shard->count >= shard->capacity)
			evicted = evict(shard);
		entry = ALLOC(struct entry);
		entry->key = *key;
		(void)pthread_mutex_init(&entry->lock, NULL);
		struct entry **bucket = &shard->buckets[hash & (shard->bucket_count - 1)];
		entry->next = *bucket;
		*bucket = entry;
		entry->listed = true;
		shard->count++;
	}
	list_add_newest(shard, entry);
	entry->users++;
	(void)pthread_mutex_unlock(&shard->lock);
	if (evicted)
		entry_free(evicted);
	return entry;
}

static void put_back(struct view_cache *cache, struct entry *entry, bool drop)
{
	uint64_t hash = hash_of(&entry->key);
	struct shard *shard = shard_of(cache, hash);
	(void)pthread_mutex_lock(&shard->lock);
	if (entry->listed && (drop || shard->count > shard->capacity))
		unlist(shard, entry, hash);
	bool last = --entry->users == 0 && !entry->listed;
	(void)pthread_mutex_unlock(&shard->lock);
	if (last)
		entry_free(entry);
}

/* A mailbox that is gone need not be remembered. */
static void forget(struct view_cache *cache, const struct mail_key *key)
{
	uint64_t hash = hash_of(key);
	struct shard *shard = shard_of(cache, hash);
	(void)pthread_mutex_lock(&shard->lock);
	struct entry *entry = find(shard, hash, key);
	if (entry)
		unlist(shard, entry, hash);
	bool unused = entry && entry->users == 0;
	(void)pthread_mutex_unlock(&shard->lock);
	if (unused)
		entry_free(entry);
}

int mail_view_open(struct mail *mail, struct id account, struct id mailbox,
	struct mail_view **ret_view, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mail_key key = {account, mailbox};
	struct store_collection collection;
	int r = store_get_collection(mail->store, account, mailbox, &arena, &collection, err);
	if (r < 0)
		return r;
	if (r == STORE_ABSENT || collection.kind != STORE_MAILBOX) {
		forget(mail->views, &key);
		return MAIL_ABSENT;
	}
	struct entry *entry = take(mail->views, &key);
	(void)pthread_mutex_lock(&entry->lock);
	/* UIDNEXT grows without a change when a node of a mirror takes the account over. */
	if (!entry->view || entry->view->change < collection.change ||
		entry->view->uid_next < collection.next_number) {
		struct mail_view *view;
		r = view_refresh(mail, account, &collection, entry->view, &view, err);
		if (r == 0) {
			mail_view_unref(entry->view);
			entry->view = view;
		}
	}
	if (r == 0)
		*ret_view = mail_view_ref(entry->view);
	(void)pthread_mutex_unlock(&entry->lock);
	put_back(mail->views, entry, r != 0);
	return r == STORE_ABSENT ? MAIL_ABSENT : r;
}
