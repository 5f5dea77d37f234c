/* A slot holds the moment at which its key has all of the limit back (the "theoretical arrival
 * time" of ATM's cell rate algorithm): each one that is taken puts it off by window/limit, and none
 * may put it off beyond a window from now. A key hashes to a row of WAYS slots. */
#include "base/rate.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

#include <pthread.h>

enum { WAYS = 8, ROWS = RATE_SLOTS / WAYS };

struct slot {
	uint64_t hash; /* of the key; another one with the same would be taken for it */
	int64_t full_us;
};

struct rate {
	int64_t window_us, each_us;
	pthread_mutex_t lock; /* guards the slots */
	struct slot slots[ROWS][WAYS];
};

struct rate *rate_new(uint64_t limit, uint64_t window_ms)
{
	struct rate *r = ALLOC(struct rate);
	must(limit > 0 && limit <= window_ms);
	r->window_us = (int64_t)window_ms * 1000;
	r->each_us = r->window_us / (int64_t)limit;
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	return r;
}

void rate_free(struct rate *r)
{
	if (!r)
		return;
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

/* The key's slot, or the one that is given up for it. */
static struct slot *find(struct rate *r, uint64_t hash)
{
	struct slot *row = r->slots[hash % ROWS], *first = &row[0];
	for (int i = 0; i < WAYS; i++) {
		if (row[i].hash == hash)
			return &row[i];
		if (row[i].full_us < first->full_us)
			first = &row[i];
	}
	*first = (struct slot){.hash = hash};
	return first;
}

bool rate_take(struct rate *r, struct slice key, int64_t now_ms)
{
	if (!r)
		return true;
	uint64_t hash = bytes_hash(key);
	int64_t now_us = now_ms * 1000;
	(void)pthread_mutex_lock(&r->lock);
	struct slot *slot = find(r, hash);
	int64_t full_us = MAX(slot->full_us, now_us) + r->each_us;
	bool allowed = full_us <= now_us + r->window_us;
	if (allowed)
		slot->full_us = full_us;
	(void)pthread_mutex_unlock(&r->lock);
	return allowed;
}
