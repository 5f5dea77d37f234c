/* A table of fixed size in which the newer place takes the slot of the older one. */
#include "store/drivers/embedded/places.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

void embedded_places_init(struct embedded_places *places)
{
	places->slots = alloc_zero(EMBEDDED_PLACES, sizeof(*places->slots));
	for (size_t i = 0; i < EMBEDDED_PLACES_LOCKS; i++)
		must(pthread_mutex_init(&places->locks[i], NULL) == 0);
}

void embedded_places_deinit(struct embedded_places *places)
{
	if (!places->slots)
		return;
	for (size_t i = 0; i < EMBEDDED_PLACES_LOCKS; i++)
		(void)pthread_mutex_destroy(&places->locks[i]);
	free(places->slots);
	places->slots = NULL;
}

static struct embedded_kept_place *lock(struct embedded_places *places, struct id blob)
{
	size_t at = bytes_hash(slice(blob.bytes, ID_SIZE)) % EMBEDDED_PLACES;
	(void)pthread_mutex_lock(&places->locks[at % EMBEDDED_PLACES_LOCKS]);
	return &places->slots[at];
}

static void unlock(struct embedded_places *places, const struct embedded_kept_place *slot)
{
	size_t at = (size_t)(slot - places->slots);
	(void)pthread_mutex_unlock(&places->locks[at % EMBEDDED_PLACES_LOCKS]);
}

bool embedded_places_find(
	struct embedded_places *places, struct id blob, struct embedded_position *ret_place)
{
	const struct embedded_kept_place *slot = lock(places, blob);
	bool found = id_eq(slot->blob, blob);
	if (found)
		*ret_place = slot->place;
	unlock(places, slot);
	return found;
}

void embedded_places_keep(
	struct embedded_places *places, struct id blob, const struct embedded_position *place)
{
	struct embedded_kept_place *slot = lock(places, blob);
	*slot = (struct embedded_kept_place){blob, *place};
	unlock(places, slot);
}

void embedded_places_forget(struct embedded_places *places, struct id blob)
{
	struct embedded_kept_place *slot = lock(places, blob);
	if (id_eq(slot->blob, blob))
		*slot = (struct embedded_kept_place){0};
	unlock(places, slot);
}
