/* Who runs a session: one word per connection that every thread changes by compare-and-swap.
 *
 * A session is parked, or claimed: by the worker that runs it, or by the queue of what is ready.
 * Whoever has news for it posts bits; if that claims it, the poster must run or queue it; if it was
 * claimed already, its owner finds the bits before it parks. So nothing is lost, and one thread at
 * a time runs a session, without a lock.
 *
 * The words outlive the connections: an epoll event that was under way when its connection died
 * meets another generation and is dropped. */
#ifndef NET_SLOTS_H
#define NET_SLOTS_H

#include "base/compiler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_session;

enum net_slot_bit {
	NET_SLOT_CLAIMED = 1,
	NET_SLOT_READABLE = 2,
	NET_SLOT_WRITABLE = 4,
	NET_SLOT_ENDED = 8, /* the peer shut down, or the connection broke */
	NET_SLOT_WOKEN = 16,
	NET_SLOT_TIMEOUT = 32,
	NET_SLOT_SHUTDOWN = 64,
	NET_SLOT_CUT = 128, /* close at once */
	/* The first three above, of the connection that is joined with it (join.h). */
	NET_SLOT_FAR_SHIFT = 7,
	NET_SLOT_FAR_READABLE = NET_SLOT_READABLE << NET_SLOT_FAR_SHIFT,
	NET_SLOT_FAR_WRITABLE = NET_SLOT_WRITABLE << NET_SLOT_FAR_SHIFT,
	NET_SLOT_FAR_ENDED = NET_SLOT_ENDED << NET_SLOT_FAR_SHIFT,
};

/* Names one connection for ever: generation << 32 | index. */
typedef uint64_t net_slot_id;

struct net_slot {
	atomic_uint_least64_t word;  /* generation << 32 | bits */
	struct net_session *session; /* the claim's owner may read it; NULL when free */
	uint32_t next_free;
};

struct net_slots {
	struct net_slot *all; /* untouched pages cost nothing */
	uint32_t room;
	pthread_mutex_t lock;
	uint32_t used, first_free; /* guarded by lock */
};

void net_slots_init(struct net_slots *slots, uint32_t room);
void net_slots_deinit(struct net_slots *slots);
/* A slot for the session, claimed by the caller. False when all are taken. */
WARN_UNUSED bool net_slots_take(
	struct net_slots *slots, struct net_session *session, net_slot_id *ret_id);
/* By the claim's owner: the id is void from now on. */
void net_slots_release(struct net_slots *slots, net_slot_id id);

/* Returns the session when this call has claimed it: the caller must see to it that it runs. */
WARN_UNUSED struct net_session *net_slots_post(
	struct net_slots *slots, net_slot_id id, unsigned bits);
/* By the claim's owner: takes the bits that were posted. */
unsigned net_slots_collect(struct net_slots *slots, net_slot_id id);
/* By the claim's owner: gives the claim up, unless bits are there. After true the session must not
 * be touched. */
WARN_UNUSED bool net_slots_park(struct net_slots *slots, net_slot_id id);
/* Posts to every connection there is; `claimed` gets those that this call claimed. */
void net_slots_post_all(struct net_slots *slots, unsigned bits,
	void (*claimed)(void *context, struct net_session *session), void *context);

#endif
