/* Account locks.
 *
 * A table of the accounts that are locked at this moment. The entry is the holder's own memory; who
 * waits hangs his entry on the holder's, and takes its place in the table, with the rest of the
 * queue, when it is released. A bucket's mutex guards its entries and their queues; a thread holds
 * one such mutex at a time. */
#include "store/drivers/embedded/locks.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

#include <errno.h>
#include <pthread.h>

enum { BUCKETS = 1024, MUTEXES = 64 };

struct entry {
	struct id account;
	struct entry *next;  /* of the bucket while holder, of the queue while waiting */
	struct entry *first; /* who waits for this one */
	struct entry **last;
	bool granted;
	pthread_cond_t *wake; /* the waiting thread's */
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

/* Waits behind `holder`. The mutex is held. False when the time is over. */
static bool wait_behind(struct entry *holder, struct entry *own, pthread_mutex_t *mutex,
	const struct timespec *deadline)
{
	pthread_cond_t wake;
	pthread_condattr_t attr;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	own->wake = &wake;
	*holder->last = own;
	holder->last = &own->next;
	while (!own->granted && pthread_cond_timedwait(&wake, mutex, deadline) != ETIMEDOUT)
		;
	(void)pthread_cond_destroy(&wake);
	own->wake = NULL;
	return own->granted;
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

static bool take_one(
	struct embedded_locks *locks, struct entry *own, const struct timespec *deadline)
{
	size_t bucket = bucket_of(own->account);
	pthread_mutex_t *mutex = &locks->mutex[bucket % MUTEXES];
	bool got = true;
	own->last = &own->first;
	(void)pthread_mutex_lock(mutex);
	struct entry **at = find(locks, bucket, own->account);
	if (!*at)
		*at = own;
	else if (!wait_behind(*at, own, mutex, deadline)) {
		leave_queue(*find(locks, bucket, own->account), own);
		got = false;
	}
	(void)pthread_mutex_unlock(mutex);
	return got;
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
		heir->granted = true;
		*at = heir;
		(void)pthread_cond_signal(heir->wake);
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
	/* The system's clock, not base/clock: a condition knows no other. */
	struct timespec deadline;
	(void)clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += wait_ms / 1000;
	deadline.tv_nsec += wait_ms % 1000 * 1000000;
	deadline.tv_sec += deadline.tv_nsec / 1000000000;
	deadline.tv_nsec %= 1000000000;
	for (size_t i = 0; i < held->count; i++) {
		if (take_one(locks, &held->entry[i], &deadline))
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
