/* Who may write to an account now: one of all writers at both nodes. While they are linked an
 * account's lease is at one of them, which gives it to its own writers in turn; the other asks for
 * it when it has a writer too. See docs/mirror.md.
 *
 * An account of which nothing is known has its lease at home, one half of all at each node; only of
 * others there is memory. A node that is alone has all leases. */
#ifndef MIRROR_LEASE_H
#define MIRROR_LEASE_H

#include "base/err.h"
#include "base/id.h"

#include <pthread.h>

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
	bool is_first; /* which half is at home here; the other node has it the other way round */
	struct mirror_lease_shard {
		pthread_mutex_t lock; /* guards all of its leases */
		bool alone;
		struct mirror_lease *bucket[MIRROR_LEASE_BUCKETS];
	} shards[MIRROR_LEASE_SHARDS];
};

/* Alone at first. */
void mirror_leases_init(struct mirror_leases *leases, bool is_first,
	const struct mirror_lease_ops *ops, void *context);
/* Nobody holds or waits for one. */
void mirror_leases_deinit(struct mirror_leases *leases);

/* Holds the lease until mirror_lease_drop(). Waits until `deadline`, clock_mono_ms(); then
 * ERR_TEMPORARY. Of many accounts the lower id first, on both nodes. *ret_taken_over: this is the
 * first time alone, and the other node may have written to the account since we heard of it. */
int mirror_lease_take(struct mirror_leases *leases, struct id account, int64_t deadline,
	bool *ret_taken_over, struct err *err) WARN_UNUSED;
void mirror_lease_drop(struct mirror_leases *leases, struct id account);

/* The other node wants it; gives it. False: it could not have said that, so it is out of step. */
WARN_UNUSED bool mirror_lease_wanted(struct mirror_leases *leases, struct id account);
WARN_UNUSED bool mirror_lease_given(struct mirror_leases *leases, struct id account);

/* The link is down: whoever waits goes on. */
void mirror_leases_alone(struct mirror_leases *leases);
/* The link is up and both hold the same: all leases are at home. Nobody holds one. */
void mirror_leases_linked(struct mirror_leases *leases);
/* For figures: leases that are not at home, and those who wait. */
void mirror_leases_count(struct mirror_leases *leases, size_t *ret_away, size_t *ret_waiting);

#endif
