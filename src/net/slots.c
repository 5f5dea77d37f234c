/* The table of claim words. */
#include "net/slots.h"

#include "base/alloc.h"
#include "base/must.h"

enum { NO_SLOT = UINT32_MAX };

static const uint64_t BITS = UINT32_MAX;

void net_slots_init(struct net_slots *slots, uint32_t room)
{
	*slots = (struct net_slots){.room = room, .first_free = NO_SLOT};
	slots->all = alloc_zero(room, sizeof(*slots->all));
	must(pthread_mutex_init(&slots->lock, NULL) == 0);
}

void net_slots_deinit(struct net_slots *slots)
{
	(void)pthread_mutex_destroy(&slots->lock);
	free(slots->all);
}

static struct net_slot *slot_of(struct net_slots *slots, net_slot_id id)
{
	uint32_t index = (uint32_t)id;
	must(index < slots->room);
	return &slots->all[index];
}

static bool is_of(uint64_t word, net_slot_id id)
{
	return word >> 32 == id >> 32;
}

bool net_slots_take(struct net_slots *slots, struct net_session *session, net_slot_id *ret_id)
{
	(void)pthread_mutex_lock(&slots->lock);
	uint32_t index = slots->first_free;
	if (index != NO_SLOT)
		slots->first_free = slots->all[index].next_free;
	else if (slots->used < slots->room)
		index = slots->used++;
	if (index != NO_SLOT) {
		struct net_slot *slot = &slots->all[index];
		uint64_t generation = atomic_load(&slot->word) >> 32;
		slot->session = session;
		*ret_id = generation << 32 | index;
		atomic_store(&slot->word, generation << 32 | NET_SLOT_CLAIMED);
	}
	(void)pthread_mutex_unlock(&slots->lock);
	return index != NO_SLOT;
}

void net_slots_release(struct net_slots *slots, net_slot_id id)
{
	struct net_slot *slot = slot_of(slots, id);
	(void)pthread_mutex_lock(&slots->lock);
	slot->session = NULL;
	slot->next_free = slots->first_free;
	slots->first_free = (uint32_t)id;
	/* A free slot stays claimed, so that a post to its next id claims nothing. */
	atomic_store(&slot->word, ((id >> 32) + 1) << 32 | NET_SLOT_CLAIMED);
	(void)pthread_mutex_unlock(&slots->lock);
}

struct net_session *net_slots_post(struct net_slots *slots, net_slot_id id, unsigned bits)
{
	struct net_slot *slot = slot_of(slots, id);
	uint64_t was = atomic_load(&slot->word);
	do {
		if (!is_of(was, id))
			return NULL;
	} while (!atomic_compare_exchange_weak(&slot->word, &was, was | bits | NET_SLOT_CLAIMED));
	return was & NET_SLOT_CLAIMED ? NULL : slot->session;
}

unsigned net_slots_collect(struct net_slots *slots, net_slot_id id)
{
	struct net_slot *slot = slot_of(slots, id);
	uint64_t was = atomic_load(&slot->word);
	if ((was & BITS) == NET_SLOT_CLAIMED)
		return 0;
	while (!atomic_compare_exchange_weak(&slot->word, &was, (was & ~BITS) | NET_SLOT_CLAIMED))
		;
	return (unsigned)(was & BITS) & ~(unsigned)NET_SLOT_CLAIMED;
}

bool net_slots_park(struct net_slots *slots, net_slot_id id)
{
	struct net_slot *slot = slot_of(slots, id);
	uint64_t claimed = (id & ~BITS) | NET_SLOT_CLAIMED;
	return atomic_compare_exchange_strong(&slot->word, &claimed, id & ~BITS);
}

void net_slots_post_all(struct net_slots *slots, unsigned bits,
	void (*claimed)(void *context, struct net_session *session), void *context)
{
	(void)pthread_mutex_lock(&slots->lock);
	for (uint32_t index = 0; index < slots->used; index++) {
		struct net_slot *slot = &slots->all[index];
		uint64_t generation = atomic_load(&slot->word) >> 32;
		struct net_session *session =
			slot->session ? net_slots_post(slots, generation << 32 | index, bits)
				      : NULL;
		if (session)
			claimed(context, session);
	}
	(void)pthread_mutex_unlock(&slots->lock);
}
