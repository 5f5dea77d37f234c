/* Which maildrops are open: RFC 1939 gives each session its mailbox alone. */
#include "pop3/session_internal.h"

#include "base/alloc.h"

#include <pthread.h>

struct lock {
	struct id account;
	struct lock *next;
};

enum { BUCKETS = 1024 };

struct pop3_locks {
	pthread_mutex_t mutex; /* guards the buckets */
	struct lock *buckets[BUCKETS];
};

struct pop3_locks *pop3_locks_new(void)
{
	struct pop3_locks *locks = ALLOC(struct pop3_locks);
	(void)pthread_mutex_init(&locks->mutex, NULL);
	return locks;
}

void pop3_locks_free(struct pop3_locks *locks)
{
	if (!locks)
		return;
	(void)pthread_mutex_destroy(&locks->mutex);
	free(locks);
}

static struct lock **bucket_of(struct pop3_locks *locks, struct id account)
{
	return &locks->buckets[bytes_hash(id_slice(&account)) % BUCKETS];
}

bool pop3_lock(struct pop3_locks *locks, struct id account)
{
	(void)pthread_mutex_lock(&locks->mutex);
	struct lock **bucket = bucket_of(locks, account), *lock = *bucket;
	while (lock && !id_eq(lock->account, account))
		lock = lock->next;
	bool free_to_take = !lock;
	if (free_to_take) {
		lock = ALLOC(struct lock);
		lock->account = account;
		lock->next = *bucket;
		*bucket = lock;
	}
	(void)pthread_mutex_unlock(&locks->mutex);
	return free_to_take;
}

void pop3_unlock(struct pop3_locks *locks, struct id account)
{
	(void)pthread_mutex_lock(&locks->mutex);
	struct lock **at = bucket_of(locks, account);
	while (*at && !id_eq((*at)->account, account))
		at = &(*at)->next;
	struct lock *lock = *at;
	if (lock)
		*at = lock->next;
	(void)pthread_mutex_unlock(&locks->mutex);
	free(lock);
}
