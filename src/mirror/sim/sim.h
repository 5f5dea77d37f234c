/* A simulation of two whole nodes: the files of it, and what they share.
 *
 *     sched      whose turn it is, and what time
 *     disk       a driver whose commits take time, that may be full, and that crashes
 *     net        connections whose bytes come late, in pieces, or never
 *     node       one node: started, crashed, stopped, started again
 *     data       what the load writes, and rules of merging for it
 *     operation  one write: deliver, flag, expunge, move, …
 *     history    what was tried and what was acknowledged
 *     load       who writes
 *     view       who looks, and remembers;  watch: who wants to be told
 *     plan       what goes wrong
 *     check      what must hold at the end
 *     lie        parts that are wrong on purpose
 *     test_sim   seeds, one after the other */
#ifndef MIRROR_SIM_H
#define MIRROR_SIM_H

#include "mirror/sim/sched.h"

enum { SIM_ACCOUNTS = 3 };

/* What is wrong on purpose, so that it shows whether the rules can find it. */
enum sim_lie {
	SIM_HONEST,
	SIM_FORGETS,  /* a disk loses the last commit in a crash */
	SIM_DROPS,    /* a disk says that it has a commit, and has not */
	SIM_NO_SKIP,  /* a node that takes accounts over does not skip numbers */
	SIM_NO_NOTES, /* nothing is noted while apart */
	SIM_GENEROUS, /* the wire gives leases that nobody gave */
	SIM_SWAPS,    /* the wire swaps frames */
	SIM_FLIPS,    /* the wire changes a bit of a commit */
	SIM_LIES,
};

struct sim {
	uint64_t seed;
	bool verbose;
	enum sim_lie lie;
	bool always_both;              /* ack = both-or-tempfail */
	bool answers_ahead[SIM_NODES]; /* ack = one */
	const char *without;           /* words of operations and faults that are left out */
	struct sim_sched *sched;
	struct sim_net *net;
	struct sim_node *nodes[SIM_NODES];
	struct sim_history *history;
	struct sim_views *views;
	unsigned broken;  /* rules, so far */
	bool load_over;   /* nobody begins anything */
	unsigned writers; /* that are still there, as the next */
	unsigned faults;
};

/* Whether an operation or a fault may be picked. */
bool sim_has(const struct sim *sim, const char *name);
/* A rule does not hold. */
void sim_broken(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
/* A line of the story, told when somebody listens. */
void sim_tell(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
