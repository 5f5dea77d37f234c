/* The table of sockets that are waited for. */
#include "net/awaited.h"

#include "base/alloc.h"
#include "base/must.h"

enum { NO_PLACE = UINT32_MAX };

void net_awaiteds_init(struct net_awaiteds *all, uint32_t room)
{
	*all = (struct net_awaiteds){.room = room, .first_free = NO_PLACE};
	all->all = alloc_zero(room, sizeof(*all->all));
	must(pthread_mutex_init(&all->lock, NULL) == 0);
}

void net_awaiteds_deinit(struct net_awaiteds *all)
{
	(void)pthread_mutex_destroy(&all->lock);
	free(all->all);
}

static struct net_awaited *place_of(struct net_awaiteds *all, net_awaited_id id)
{
	must((uint32_t)id < all->room);
	return &all->all[(uint32_t)id];
}

bool net_awaiteds_take(struct net_awaiteds *all, net_awaited_id *ret_id)
{
	(void)pthread_mutex_lock(&all->lock);
	uint32_t index = all->first_free;
	if (index != NO_PLACE)
		all->first_free = all->all[index].next_free;
	else if (all->used < all->room)
		index = all->used++;
	if (index != NO_PLACE)
		*ret_id = (uint64_t)all->all[index].generation << 32 | index;
	(void)pthread_mutex_unlock(&all->lock);
	return index != NO_PLACE;
}

void net_awaiteds_release(struct net_awaiteds *all, net_awaited_id id)
{
	struct net_awaited *place = place_of(all, id);
	(void)pthread_mutex_lock(&all->lock);
	must(!place->wait && place->generation == id >> 32);
	*place = (struct net_awaited){
		.generation = place->generation + 1, .next_free = all->first_free};
	all->first_free = (uint32_t)id;
	(void)pthread_mutex_unlock(&all->lock);
}

struct waiter *net_awaiteds_post(struct net_awaiteds *all, net_awaited_id id, unsigned bits)
{
	struct net_awaited *place = place_of(all, id);
	struct wait *wait = NULL;
	(void)pthread_mutex_lock(&all->lock);
	if (place->generation == id >> 32) {
		place->heard |= bits;
		wait = place->wait;
		place->wait = NULL;
	}
	(void)pthread_mutex_unlock(&all->lock);
	return wait ? wait_done_by(wait) : NULL;
}

/* The lock is held. */
static bool has_to_give_up(const struct net_awaiteds *all, bool ends_early)
{
	return all->over || (all->stopping && ends_early);
}

/* Nothing of interest is there yet. False: nobody said a word until the deadline. */
static bool wait_at(
	struct net_awaiteds *all, struct net_awaited *place, struct wait *wait, int64_t deadline)
{
	if (wait_until(wait, deadline))
		return true;
	(void)pthread_mutex_lock(&all->lock);
	bool withdrawn = place->wait == wait;
	if (withdrawn)
		place->wait = NULL;
	(void)pthread_mutex_unlock(&all->lock);
	if (!withdrawn) /* it is about to be said, and lies on this stack */
		wait_for(wait);
	return !withdrawn;
}

enum net_awaited_outcome net_awaiteds_wait(struct net_awaiteds *all, net_awaited_id id,
	unsigned bits, bool ends_early, int64_t deadline, unsigned *ret_heard)
{
	struct net_awaited *place = place_of(all, id);
	for (;;) {
		struct wait wait = {0};
		(void)pthread_mutex_lock(&all->lock);
		must(!place->wait && place->generation == id >> 32);
		bool give_up = has_to_give_up(all, ends_early);
		*ret_heard = place->heard;
		if (place->heard & bits) {
			place->heard = 0;
		} else if (!give_up) {
			place->wait = &wait;
			place->ends_early = ends_early;
		}
		(void)pthread_mutex_unlock(&all->lock);
		if (*ret_heard & bits)
			return NET_AWAITED_HEARD;
		if (give_up)
			return NET_AWAITED_STOPPED;
		if (!wait_at(all, place, &wait, deadline))
			return NET_AWAITED_TOO_LATE;
	}
}

/* Who is called sees that it has to give up. One at a time, because the lock is not held then. */
unsigned net_awaiteds_stop(struct net_awaiteds *all, bool every)
{
	unsigned count = 0;
	(void)pthread_mutex_lock(&all->lock);
	all->stopping = true;
	all->over = all->over || every;
	for (uint32_t i = 0; i < all->used; i++) {
		struct net_awaited *place = &all->all[i];
		struct wait *wait = place->wait;
		if (!wait || !has_to_give_up(all, place->ends_early))
			continue;
		place->wait = NULL;
		(void)pthread_mutex_unlock(&all->lock);
		wait_done(wait);
		count++;
		(void)pthread_mutex_lock(&all->lock);
	}
	(void)pthread_mutex_unlock(&all->lock);
	return count;
}
