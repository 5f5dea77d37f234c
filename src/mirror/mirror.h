/* Two stores kept equal: a driver around a driver. What is committed through it goes to the other
 * node's disk too, under leases that let one node at a time write to an account. See
 * docs/mirror.md.
 *
 * The wire is somebody else's (struct mirror_peer_ops); so is deciding whether the other node is
 * there. */
#ifndef MIRROR_MIRROR_H
#define MIRROR_MIRROR_H

#include "base/wait.h"
#include "mirror/lease.h"
#include "store/store.h"

/* A commit as it crosses the wire. Borrowed while it is shipped or applied. */
struct mirror_commit {
	const struct id *accounts;
	size_t account_count;
	const struct store_batch *batch;
	const struct store_new_blob *blobs;
	size_t blob_count;
	size_t joined; /* of how many it was made; 0: it is one */
};

/* In the memory of who ships; `rc` and `err` are set before it is told, once: 0 when the other
 * node's disk has it and its readers see it, negative when it has not or nobody knows. */
struct mirror_shipment {
	struct wait done;
	/* Called instead, if nobody waits: by whoever learns of it, who must not wait. The
	 * shipment's memory is its own from then on. */
	void (*over)(struct mirror_shipment *shipment);
	int rc;
	bool lost; /* with the link: nobody knows what became of it */
	struct err err;
	struct buf answer; /* of a request (mirror/link.h); whoever asked frees it */
};

void mirror_shipment_tell(struct mirror_shipment *shipment);

struct mirror_peer_ops {
	struct mirror_lease_ops lease;
	/* Begins; must not wait. Has its own copy of the commit when it returns. When the link is
	 * lost, shipments under way are told -1. */
	void (*ship)(void *context, const struct mirror_commit *commit,
		struct mirror_shipment *shipment);
	/* One disk took a commit and the other did not: the link must end, so that the two meet
	 * again. */
	void (*differ)(void *context, const struct err *why);
};

struct mirror_options {
	const struct store_driver *inner;
	struct store_driver_options inner_options;
	const struct mirror_peer_ops *peer;
	void *peer_context;
};

/* Not paired at first: then it is the inner driver, with a gate. */
struct mirror;
int mirror_open(const struct mirror_options *options, struct mirror **ret_mirror,
	struct err *err) WARN_UNUSED;
/* For store_open(), which takes it over: store_close() closes the mirror with it. */
extern const struct store_driver mirror_driver;
struct store_db *mirror_db(struct mirror *mirror);
struct store_db *mirror_inner_db(struct store_db *db); /* that it wraps */
struct mirror_leases *mirror_leases(struct mirror *mirror);
/* The store that was opened on it, before anybody writes. */
void mirror_attach(struct mirror *mirror, struct store *store);

/* After the two are linked again what is apart is waited for so long, and the node is not healthy.
 */
enum { MIRROR_CATCHING_UP_MS = 5000 };
/* Started, and looking for the other node: who asks what an account holds waits. */
void mirror_set_looking(struct mirror *mirror, bool looking);
/* Nobody writes until all who held writes have let write. */
void mirror_hold_writes(struct mirror *mirror);
void mirror_let_write(struct mirror *mirror);
/* Nobody writes to one account until it is dropped; what is known of it is not changed. Fails when
 * it was not free until `deadline`, clock_mono_ms(). */
int mirror_hold_account(struct mirror *mirror, struct id account, int64_t deadline, bool *ret_apart,
	struct err *err) WARN_UNUSED;
void mirror_drop_account(struct mirror *mirror, struct id account);
/* While writes are held: from now on it is one of two nodes, and alone at first; or none of two. */
void mirror_pair(struct mirror *mirror, bool is_first);
void mirror_unpair(struct mirror *mirror);
bool mirror_is_first(struct mirror *mirror); /* of the two */
/* Writes fail while it is alone. */
void mirror_refuse_alone(struct mirror *mirror, bool refuse);
/* Writers are answered when this disk has what they wrote, as long as not too much of it is on its
 * way to the other one. */
void mirror_answer_ahead(struct mirror *mirror, bool ahead);
/* Both nodes hold the same but for the accounts that are `apart`, and nobody writes here: from now
 * on both commit everything else. Returns which linking this is. */
uint64_t mirror_linked(struct mirror *mirror, const struct id *apart, size_t count);
/* The link is down. May come at any time, and before shipments are told. */
void mirror_alone(struct mirror *mirror);

/* A commit of the other node, that came in that linking; when it is over the commit is not taken,
 * since somebody may have taken the account over. */
int mirror_apply(struct mirror *mirror, uint64_t linking, const struct mirror_commit *commit,
	struct err *err) WARN_UNUSED;

/* So far. */
struct mirror_commits {
	uint64_t shipped, applied;
	uint64_t differing; /* that one disk took and the other did not, while linked */
	uint64_t alone;     /* that only this disk has, maybe until it was merged */
	/* Right now: answered, and on their way to the other disk; with their new bodies. */
	uint64_t ahead, ahead_bodies, ahead_bytes;
};
struct mirror_commits mirror_commits(struct mirror *mirror);

struct mirror_figures {
	bool linked;
	struct mirror_lease_figures leases;
	struct mirror_commits commits;
	uint64_t ship_ns; /* how long shipped commits took, all together */
};
/* Looks at all leases. */
struct mirror_figures mirror_figures(struct mirror *mirror);

#endif
