/* What is to be tried when, and how many at once, in memory: 16 bytes an entry. Pure: the caller
 * tells the time and holds the lock.
 *
 * Entries stand under their destination, the earliest due first. A destination that could not be
 * reached is left alone for a while that grows, with all its entries; what a destination said about
 * one entry moves that entry only. So a dead host costs one attempt now and then however many wait
 * for it. */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "base/slice.h"

/* Where an entry lies: its shard (see shards.h) and its object's number. */
struct queue_place {
	uint32_t shard, number;
};

struct queue_schedule_options {
	unsigned connections_max;     /* in all; 0: 200 */
	unsigned per_destination_max; /* 0: 20 */
	unsigned local_max;           /* to a store or back end of ours; 0: 32 */
	/* A destination that can't be reached is left alone for this long at first, then for twice
	 * as long each time up to the other. 0: 60 s, 1 hour; of local ones at most 5 s. */
	unsigned backoff_first_ms, backoff_max_ms;
};

struct queue_schedule;
struct queue_destination;

struct queue_schedule *queue_schedule_new(const struct queue_schedule_options *options);
void queue_schedule_free(struct queue_schedule *schedule);

/* An entry is in the schedule once, or taken by who tries it, or neither. */

/* To be tried from `due_ms` (monotonic clock) on. What was added first goes first among those that
 * are due in the same second. */
void queue_schedule_add(struct queue_schedule *schedule, struct slice destination,
	struct queue_place place, int64_t due_ms);

/* One that was taken is done, or waits for an operator. */
void queue_schedule_drop(struct queue_schedule *schedule, struct queue_place place);
/* All of a shard that wait; who tries one at this moment keeps it. */
void queue_schedule_forget(struct queue_schedule *schedule, uint32_t shard);
/* Somebody tries one of that shard at this moment. */
WARN_UNUSED bool queue_schedule_tries(const struct queue_schedule *schedule, uint32_t shard);
/* One that waits is due now. False: it is not in the schedule; *ret_taken says whether somebody
 * tries it at this moment. */
WARN_UNUSED bool queue_schedule_hurry(struct queue_schedule *schedule, struct slice destination,
	struct queue_place place, int64_t now_ms, bool *ret_taken);

/* A connection may be opened to that destination, for the entries taken: it counts as one until
 * queue_schedule_leave(). The entries are the caller's now, who adds again those that must wait:
 * the first that is due, and at most `max` in all that were added right behind it in the same
 * shard. Returns how many; 0: nothing is due, or the limits are reached; *ret_next_ms says when to
 * ask again at the latest (INT64_MAX: when something was added, met or left). */
size_t queue_schedule_enter(struct queue_schedule *schedule, int64_t now_ms,
	struct queue_destination **ret_destination, struct queue_place *ret_places, size_t max,
	int64_t *ret_next_ms);
/* It answers: from now on it may have more than one connection. */
void queue_schedule_met(struct queue_schedule *schedule, struct queue_destination *destination);
/* More for the same connection; 0: nothing is due. */
size_t queue_schedule_take(struct queue_schedule *schedule, struct queue_destination *destination,
	int64_t now_ms, struct queue_place *ret_places, size_t max);
/* True once in `every_ms`: its entries may be looked through, though it can't be reached; then
 * queue_schedule_looked() follows. Not at first, and few destinations at one time: a look reads all
 * entries, and after a start many destinations may fail at once. */
WARN_UNUSED bool queue_schedule_looks(struct queue_schedule *schedule,
	struct queue_destination *destination, int64_t now_ms, int64_t every_ms);
void queue_schedule_looked(struct queue_schedule *schedule, struct queue_destination *destination);
/* The connection is over. `unreachable`: there was none; `why` for people. */
void queue_schedule_leave(struct queue_schedule *schedule, struct queue_destination *destination,
	bool unreachable, const char *why, int64_t now_ms);
/* Its name; valid until queue_schedule_leave(). */
struct slice queue_destination_name(const struct queue_destination *destination);

/* All entries of a destination, or (ptr NULL) of all, are due now, and no destination is left
 * alone any more. How many there were. */
uint64_t queue_schedule_flush(
	struct queue_schedule *schedule, struct slice destination, int64_t now_ms);

struct queue_schedule_figures {
	uint64_t entries, destinations, connections, unreachable;
};
struct queue_schedule_figures queue_schedule_figures(const struct queue_schedule *schedule);
/* Those that have entries or connections. */
struct queue_destination_figures {
	struct slice name;
	uint64_t entries, connections;
	int64_t retry_ms; /* monotonic; 0: it is not left alone */
	const char *why;
};
void queue_schedule_list(const struct queue_schedule *schedule,
	void (*visit)(void *context, const struct queue_destination_figures *figures),
	void *context);

#endif
