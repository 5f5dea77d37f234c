/* A callback runs under its shard's lock. So store_unwatch, which takes that lock, returns only
 * when no callback of it runs; and a callback must not wait for anything (store.h says so). */
#include "store/internal.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

struct store_watch {
	struct store_watch *next, **previous; /* in its list */
	struct id account;
	void (*woken)(void *context, struct id account);
	void *context;
};

void watch_table_init(struct watch_table *table)
{
	for (size_t i = 0; i < WATCH_SHARDS; i++)
		must(pthread_mutex_init(&table->locks[i], NULL) == 0);
}

void watch_table_deinit(struct watch_table *table)
{
	for (size_t i = 0; i < WATCH_LISTS; i++)
		must(!table->lists[i]);
	for (size_t i = 0; i < WATCH_SHARDS; i++)
		(void)pthread_mutex_destroy(&table->locks[i]);
}

static size_t list_of(struct id account)
{
	return bytes_hash(id_slice(&account)) % WATCH_LISTS;
}

static void lock(struct watch_table *table, size_t list)
{
	must(pthread_mutex_lock(&table->locks[list % WATCH_SHARDS]) == 0);
}

static void unlock(struct watch_table *table, size_t list)
{
	must(pthread_mutex_unlock(&table->locks[list % WATCH_SHARDS]) == 0);
}

void watch_wake(struct watch_table *table, struct id account)
{
	size_t list = list_of(account);
	lock(table, list);
	for (struct store_watch *w = table->lists[list]; w; w = w->next)
		if (id_eq(w->account, account))
			w->woken(w->context, account);
	unlock(table, list);
}

struct store_watch *store_watch(struct store *store, struct id account,
	void (*woken)(void *context, struct id account), void *context)
{
	struct watch_table *table = &store->watches;
	struct store_watch *w = ALLOC(struct store_watch);
	size_t list = list_of(account);
	w->account = account;
	w->woken = woken;
	w->context = context;
	lock(table, list);
	w->next = table->lists[list];
	w->previous = &table->lists[list];
	if (w->next)
		w->next->previous = &w->next;
	table->lists[list] = w;
	unlock(table, list);
	return w;
}

void store_unwatch(struct store *store, struct store_watch *watch)
{
	struct watch_table *table = &store->watches;
	if (!watch)
		return;
	size_t list = list_of(watch->account);
	lock(table, list);
	*watch->previous = watch->next;
	if (watch->next)
		watch->next->previous = watch->previous;
	unlock(table, list);
	free(watch);
}
