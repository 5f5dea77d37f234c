/* Sockets that code on a runner waits for in the middle (client.c): they are in the loop's epoll
 * set, each with a place here. The event finds the place, the place knows who waits.
 *
 * Edge-triggered, as all in that set: what was heard is kept until somebody asks, so that an event
 * that comes before the wait counts. As with slots.h a place outlives its socket, and an event for
 * a dead one meets another generation. */
#ifndef NET_AWAITED_H
#define NET_AWAITED_H

#include "base/wait.h"

#include <pthread.h>

/* generation << 32 | index */
typedef uint64_t net_awaited_id;

struct net_awaited {
	uint32_t generation, next_free;
	unsigned heard;    /* of enum net_slot_bit */
	bool ends_early;   /* who waits gives up when the loop begins to stop */
	struct wait *wait; /* NULL: nobody waits */
};

struct net_awaiteds {
	struct net_awaited *all; /* untouched pages cost nothing */
	uint32_t room;
	pthread_mutex_t lock; /* guards all below, and the places */
	uint32_t used, first_free;
	bool stopping, over;
};

void net_awaiteds_init(struct net_awaiteds *all, uint32_t room);
void net_awaiteds_deinit(struct net_awaiteds *all);
/* False when all are taken. */
WARN_UNUSED bool net_awaiteds_take(struct net_awaiteds *all, net_awaited_id *ret_id);
/* By who took it, and nobody waits: the id is void from now on. */
void net_awaiteds_release(struct net_awaiteds *all, net_awaited_id id);
/* Returns who waits and is to be resumed by the caller; NULL: nobody. */
WARN_UNUSED struct waiter *net_awaiteds_post(
	struct net_awaiteds *all, net_awaited_id id, unsigned bits);

enum net_awaited_outcome { NET_AWAITED_HEARD, NET_AWAITED_TOO_LATE, NET_AWAITED_STOPPED };
/* Until one of `bits` was heard; all that was is in *ret_heard then, and forgotten here. */
enum net_awaited_outcome net_awaiteds_wait(struct net_awaiteds *all, net_awaited_id id,
	unsigned bits, bool ends_early, int64_t deadline, unsigned *ret_heard);
/* Those who wait and end early give up, and later ones; with `every` all do. Returns how many did.
 */
unsigned net_awaiteds_stop(struct net_awaiteds *all, bool every);

#endif
