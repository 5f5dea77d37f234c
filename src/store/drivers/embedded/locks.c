/* Account locks.
 *
 * A table of the accounts that are locked at this moment. The entry is the holder's own memory; who
 * waits hangs his entry on the holder's, and takes its place in the table, with the rest of the
 * queue, when it is released. A bucket's mutex guards its entries and their queues; a thread holds
 * one such mutex at a time. */
#include "store/drivers/embedded/locks.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/wait.h"

#include <pthread.h>

enum { BUCKETS = 1024, MUTEXES = 64 };

struct entry {
	struct id account;
	struct entry *next;  /* of the bucket while holder, of the queue while waiting */
	struct entry *first; /* who waits for this one */
	struct entry **last;
	struct wait granted; /* of who waits */
};

struct embedded_locks {
	pthread_mutex_t mutex[MUTEXES]; /* of buckets i, i + MUTEXES, … */
	struct entry *bucket[BUCKETS];
};

struct embedded_held {
	struct embedded_locks *locks;
	size_t count;
	struct entry entry[];
};

struct embedded_locks *embedded_locks_new(void)
{
	struct embedded_locks *locks = ALLOC(struct embedded_locks);
	for (size_t i = 0; i < MUTEXES; i++)
		(void)pthread_mutex_init(&locks->mutex[i], NULL);
	return locks;
}

void embedded_locks_free(struct embedded_locks *locks)
{
	for (size_t i = 0; i < BUCKETS; i++)
		must(!locks->bucket[i]);
	for (size_t i = 0; i < MUTEXES; i++)
		(void)pthread_mutex_destroy(&locks->mutex[i]);
	free(locks);
}

static size_t bucket_of(struct id account)
{
	return bytes_hash(id_slice(&account)) % BUCKETS;
}

static struct entry **find(struct embedded_locks *locks, size_t bucket, struct id account)
{
	struct entry **at = &locks->bucket[bucket];
	while (*at && !id_eq((*at)->account, account))
		at = &(*at)->next;
	return at;
}

/* The mutex is held. */
static void join_queue(struct entry *holder, struct entry *own)
{
	*holder->last = own;
	holder->last = &own->next;
}

/* Takes an entry whose time is over out of its holder's queue. The mutex is held. */
static void leave_queue(struct entry *holder, struct entry *own)
{
	struct entry **at = &holder->first;
	while (*at != own)
		at = &(*at)->next;
	*at = own->next;
	if (holder->last == &own->next)
		holder->last = at;
}

/* The time is over. True when the lock was granted in the last moment. */
static bool give_up(struct embedded_locks *locks, struct entry *own)
{
	size_t bucket = bucket_of(own->account);
	pthread_mutex_t *mutex = &locks->mutex[bucket % MUTEXES];
	(void)pthread_mutex_lock(mutex);
	bool got = wait_is_done(&own->granted);
	if (!got)
		leave_queue(*find(locks, bucket, own->account), own);
	(void)pthread_mutex_unlock(mutex);
	return got;
}

static bool take_one(struct embedded_locks *locks, struct entry *own, int64_t deadline)
{
	size_t bucket = bucket_of(own->account);
	pthread_mutex_t *mutex = &locks->mutex[bucket % MUTEXES];
	own->last = &own->first;
	(void)pthread_mutex_lock(mutex);
	struct entry **at = find(locks, bucket, own->account);
	bool got = !*at;
	if (got)
		*at = own;
	else
		join_queue(*at, own);
	(void)pthread_mutex_unlock(mutex);
	return got || wait_until(&own->granted, deadline) || give_up(locks, own);
}

static void release_one(struct embedded_locks *locks, struct entry *own)
{
	size_t bucket = bucket_of(own->account);
	pthread_mutex_t *mutex = &locks->mutex[bucket % MUTEXES];
	(void)pthread_mutex_lock(mutex);
	struct entry **at = find(locks, bucket, own->account);
	must(*at == own);
	struct entry *heir = own->first;
	if (heir) {
		heir->first = heir->next;
		heir->last = heir->first ? own->last : &heir->first;
		heir->next = own->next;
		*at = heir;
		wait_done(&heir->granted); /* under the mutex: see give_up() */
	} else {
		*at = own->next;
	}
	(void)pthread_mutex_unlock(mutex);
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(*(const struct id *)a, *(const struct id *)b);
}

/* Fills in the entries, sorted and each account once. */
static void fill(struct embedded_held *held, const struct id *accounts, size_t count)
{
	AUTO_FREE struct id *sorted = alloc(count * sizeof(*sorted) + 1);
	if (count)
		memcpy(sorted, accounts, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_id);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !id_eq(sorted[i], sorted[i - 1]))
			held->entry[held->count++].account = sorted[i];
}

int embedded_locks_take(struct embedded_locks *locks, const struct id *accounts, size_t count,
	int64_t wait_ms, struct embedded_held **ret_held, struct err *err)
{
	struct embedded_held *held = alloc_zero(1, sizeof(*held) + count * sizeof(struct entry));
	held->locks = locks;
	fill(held, accounts, count);
	int64_t deadline = clock_mono_ms() + wait_ms;
	for (size_t i = 0; i < held->count; i++) {
		if (take_one(locks, &held->entry[i], deadline))
			continue;
		char text[ID_TEXT_SIZE + 1];
		id_to_text(held->entry[i].account, text);
		held->count = i;
		embedded_locks_release(held);
		return err_temporary(err, ERR_IN_USE, "account %s is locked for too long", text);
	}
	*ret_held = held;
	return 0;
}

void embedded_locks_release(struct embedded_held *held)
{
	for (size_t i = held->count; i-- > 0;)
		release_one(held->locks, &held->entry[i]);
	free(held);
}
