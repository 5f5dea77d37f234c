/* A queue of those who wait; a place that gets free goes to the first of them at once. */
#include "directory/turns.h"

#include "base/must.h"
#include "base/wait.h"

struct directory_turn {
	struct directory_turn *next;
	struct wait given;
};

static void lock(struct directory_turns *turns)
{
	must(pthread_mutex_lock(&turns->lock) == 0);
}

static void unlock(struct directory_turns *turns)
{
	must(pthread_mutex_unlock(&turns->lock) == 0);
}

void directory_turns_init(struct directory_turns *turns, unsigned max)
{
	*turns = (struct directory_turns){.max = max};
	turns->last = &turns->first;
	must(pthread_mutex_init(&turns->lock, NULL) == 0);
}

void directory_turns_deinit(struct directory_turns *turns)
{
	(void)pthread_mutex_destroy(&turns->lock);
}

/* The time is over. True when the turn was given in the last moment. */
static bool give_up(struct directory_turns *turns, struct directory_turn *own)
{
	lock(turns);
	bool got = wait_is_done(&own->given);
	if (!got) {
		struct directory_turn **at = &turns->first;
		while (*at != own)
			at = &(*at)->next;
		*at = own->next;
		if (!*at)
			turns->last = at;
	}
	unlock(turns);
	return got;
}

bool directory_turns_take(struct directory_turns *turns, int64_t deadline)
{
	struct directory_turn own = {0};
	lock(turns);
	bool got = turns->running < turns->max;
	if (got) {
		turns->running++;
		turns->most = MAX(turns->most, turns->running);
	} else {
		*turns->last = &own;
		turns->last = &own.next;
	}
	unlock(turns);
	return got || wait_until(&own.given, deadline) || give_up(turns, &own);
}

void directory_turns_give(struct directory_turns *turns)
{
	lock(turns);
	struct directory_turn *heir = turns->first;
	if (heir) {
		turns->first = heir->next;
		if (!turns->first)
			turns->last = &turns->first;
		wait_done(&heir->given); /* under the lock: see give_up() */
	} else {
		turns->running--;
	}
	unlock(turns);
}

unsigned directory_turns_most(struct directory_turns *turns)
{
	lock(turns);
	unsigned most = turns->most;
	unlock(turns);
	return most;
}
