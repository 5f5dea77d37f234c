/* Who may write to an account now: one of all writers at both nodes. While they are linked an
 * account's lease is at one of them, which gives it to its own writers in turn; the other asks for
 * it when it has a writer too. See docs/mirror.md.
 *
 * An account of which nothing is known has its lease at home, one half of all at each node; only of
 * others there is memory. An account that is apart (since the link is down, or the two have met and
 * not yet merged it) has a lease at each node. */
#ifndef MIRROR_LEASE_H
#define MIRROR_LEASE_H

#include "base/err.h"
#include "base/id.h"
#include "mirror/ids.h"

#include <pthread.h>
#include <stdatomic.h>

/* What is sent to the other node. Called with a lock held: must not wait, and keeps the order of
 * calls for one account. */
struct mirror_lease_ops {
	void (*want)(void *context, struct id account);
	void (*give)(void *context, struct id account);
};

enum { MIRROR_LEASE_SHARDS = 64, MIRROR_LEASE_BUCKETS = 64 };

struct mirror_lease;

struct mirror_leases {
	const struct mirror_lease_ops *ops;
	void *context;
	atomic_bool is_first;  /* which half is at home here; the other node has it the other way
				  round */
	atomic_bool remembers; /* where leases were when the two were last linked */
	/* Which linking this is, or which time alone; what comes over a link is of one linking. */
	atomic_uint_least64_t epoch;
	struct mirror_lease_shard {
		pthread_mutex_t lock; /* guards all of its leases */
		bool alone;
		uint64_t epoch;
		struct mirror_lease *bucket[MIRROR_LEASE_BUCKETS];
	} shards[MIRROR_LEASE_SHARDS];
};

/* Alone at first. */
void mirror_leases_init(
	struct mirror_leases *leases, const struct mirror_lease_ops *ops, void *context);
/* Which half is at home here. Alone, and nobody holds one. */
void mirror_leases_set_side(struct mirror_leases *leases, bool is_first);
/* Nobody holds or waits for one. */
void mirror_leases_deinit(struct mirror_leases *leases);

enum mirror_lease_way {
	MIRROR_LEASE_LINKED,
	MIRROR_LEASE_APART,
	/* For the first time apart: the other node may have written to the account since we heard
	 * of it. */
	MIRROR_LEASE_TAKEN_OVER,
};

/* Holds the lease until mirror_lease_drop(). Waits until `deadline`, clock_mono_ms(); then
 * ERR_TEMPORARY. Of many accounts the lower id first, on both nodes. */
int mirror_lease_take(struct mirror_leases *leases, struct id account, int64_t deadline,
	enum mirror_lease_way *ret_way, struct err *err) WARN_UNUSED;
void mirror_lease_drop(struct mirror_leases *leases, struct id account);

/* The other node wants it; gives it; in the linking `epoch`. False: it could not have said that, so
 * it is out of step. */
WARN_UNUSED bool mirror_lease_wanted(
	struct mirror_leases *leases, uint64_t epoch, struct id account);
WARN_UNUSED bool mirror_lease_given(
	struct mirror_leases *leases, uint64_t epoch, struct id account);

/* The link is down: whoever waits goes on. */
void mirror_leases_alone(struct mirror_leases *leases);
/* The link is up, and nobody holds one. But for some accounts both nodes hold the same: the leases
 * of those are at home, and the others apart. Returns the epoch. */
uint64_t mirror_leases_linked(struct mirror_leases *leases, const struct id *apart, size_t count);
/* Of an account that was apart both nodes hold the same, or will when it is dropped, for which who
 * reads it waits; its lease is held, at both nodes, and from now on `here` or at the other one. */
void mirror_lease_settled(struct mirror_leases *leases, struct id account, bool here);

/* The other way: an account that was linked is apart. Called at both nodes, at the one that does
 * not have the lease first; the other one holds it meanwhile. */
void mirror_lease_part(struct mirror_leases *leases, struct id account);
/* Of one that is held apart: nothing was written, so the next one to take it takes it over. */
void mirror_lease_untake(struct mirror_leases *leases, struct id account);

/* Of one that is held: what is written is committed to both disks from now on until it is dropped.
 */
void mirror_lease_commits(struct mirror_leases *leases, struct id account);
/* Waits for the commit to the account that is under way now, if there is one; until `deadline`. */
void mirror_lease_await_commit(struct mirror_leases *leases, struct id account, int64_t deadline);

/* The two are linked, and not one yet as to this account: the other node may have of it what this
 * one has not. */
WARN_UNUSED bool mirror_lease_is_unsettled(struct mirror_leases *leases, struct id account);

/* Of one that is held: the other node may have a commit to it that this one has not. So, should the
 * link be lost, the next one to take it takes it over. */
void mirror_lease_doubt(struct mirror_leases *leases, struct id account);

/* Alone, and nobody holds one: the two had begun to link, and the other node may have been linked
 * for a moment. It may have written to what is at home there, but to these, which are apart
 * (sorted): whoever takes such a lease next takes it over. */
void mirror_leases_doubt_away(struct mirror_leases *leases, const struct mirror_ids *apart);

struct mirror_lease_figures {
	size_t apart, away, waiting; /* away: linked and not at home; waiting: writers */
};
struct mirror_lease_figures mirror_leases_count(struct mirror_leases *leases);

#endif
