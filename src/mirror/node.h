/* One of the two nodes: what a role opens a store on, and what operators talk to. It keeps the
 * pairing, finds the other node, meets it, and serves on alone when it is away. docs/mirror.md has
 * the whole picture, docs/mirror-protocol.md what crosses the link.
 *
 * Any thread may call any function; those that say so wait (base/wait.h). */
#ifndef MIRROR_NODE_H
#define MIRROR_NODE_H

#include "mirror/mirror.h"
#include "store/merge_rule.h"

struct net_loop;

struct mirror_node;

/* When an answer to a client may be given. */
enum mirror_ack {
	MIRROR_ACK_BOTH,             /* on both disks; alone, on this one */
	MIRROR_ACK_BOTH_OR_TEMPFAIL, /* on both disks */
	MIRROR_ACK_ONE,              /* on this one */
};

/* Whether what the other node is sent is compressed. */
enum mirror_compress {
	MIRROR_COMPRESS_AUTO, /* when it is far away */
	MIRROR_COMPRESS_YES,
	MIRROR_COMPRESS_NO,
};

struct mirror_node_options {
	const char *folder; /* where the pairing is kept */
	const struct store_driver *inner;
	struct store_driver_options inner_options;
	const struct store_merge_rule *rules;
	const char *listen;  /* "*:7625" */
	const char *version; /* of this program, for people */
	struct id id;        /* by which the other one knows it; none: made with the pairing */
	enum mirror_ack ack;
	unsigned silence_ms; /* after which the other node is down; 0: 2 s */
	uint64_t scrub_ms;   /* from the end of a scrub to the next; 0: never */
	enum mirror_compress compress;
};

/* Strings are borrowed. Alone, or not paired at all; then it is a plain store. */
int mirror_node_open(const struct mirror_node_options *options, struct mirror_node **ret_node,
	struct err *err) WARN_UNUSED;
/* For store_open(): the driver is mirror_driver. */
struct store_db *mirror_node_db(struct mirror_node *node);
/* The store that was opened on it, before anybody writes. */
void mirror_node_attach(struct mirror_node *node, struct store *store);
/* Looks for the other node from now on; while it does for the first time nobody can write. The
 * certificates' place of the loop is the node's own. */
int mirror_node_serve(struct mirror_node *node, struct net_loop *loop, struct err *err) WARN_UNUSED;
/* After the loop is freed and the store is closed. NULL is fine. */
void mirror_node_free(struct mirror_node *node);

/* How two nodes become a pair, by a key of one line. */
struct mirror_pair_options {
	const char *peer;  /* the other one's address */
	struct slice key;  /* empty: makes one, and is the first node */
	bool made_here;    /* the key was made at this side: it is the first node all the same */
	const char *label; /* another pair than the line's: see mirror_pairing_derive(); or NULL */
};
enum { MIRROR_PAIRED_ALREADY = 1 };

/* What operators do. *ret_key becomes what the other node needs where `key` is empty.
 * MIRROR_PAIRED_ALREADY: with that peer, by that key if one is given. ERR_EXISTS: otherwise, or
 * its line is not known any more, since it has a label. May wait. */
int mirror_node_pair(struct mirror_node *node, const struct mirror_pair_options *options,
	struct buf *ret_key, struct err *err) WARN_UNUSED;
/* ERR_ABSENT: it is not paired. Both may wait. */
int mirror_node_unpair(struct mirror_node *node, struct err *err) WARN_UNUSED;
/* The other node's machine is lost: a new key, for a new one that has nothing yet; this is the
 * first node. `peer` NULL: at the same address. */
int mirror_node_replace(struct mirror_node *node, const struct mirror_pair_options *options,
	struct buf *ret_key, struct err *err) WARN_UNUSED;
/* No link until it is resumed, also after a restart. */
int mirror_node_pause(struct mirror_node *node, bool pause, struct err *err) WARN_UNUSED;

/* A peer's address with the port behind the one that it names; as it is when it names none.
 * ERR_BAD_INPUT: it is no address, or names the last port. */
int mirror_next_port(const char *peer, char ret_peer[256], struct err *err) WARN_UNUSED;

enum mirror_state {
	MIRROR_UNPAIRED,
	MIRROR_PAUSED,
	MIRROR_LOOKING, /* just started: nobody writes until the other node was met, or is away */
	MIRROR_ALONE,
	MIRROR_MEETING, /* the two compare what they have; nobody writes */
	MIRROR_MERGING, /* linked, and some accounts are apart */
	MIRROR_IN_SYNC,
};

/* Since the start, but what is of the round under way, or of the last one. See scrub.h. */
struct mirror_scrub_status {
	uint64_t rounds;                  /* ended */
	int64_t ended_s;                  /* the last one did, seconds since 1970; 0: none */
	uint64_t accounts, accounts_done; /* of the round; equal: none is under way */
	uint64_t bodies, bytes;           /* read */
	uint64_t differing;               /* accounts that were merged anew */
	uint64_t healed, unhealed;        /* bodies that could not be read */
	char error[256]; /* of the round: why an account could not be scrubbed; or empty */
};

/* Bytes are counted from the start on, over all links: those of frames, and what they would have
 * been without compression. */
struct mirror_link_status {
	int64_t round_trip_us; /* of late, when nothing waited for the wire; negative: not known */
	bool compresses;       /* what is sent now */
	uint64_t sent, sent_plain, received, received_plain;
};

struct mirror_status {
	enum mirror_state state;
	int64_t since_s; /* seconds since 1970 */
	bool is_first, listening;
	char peer[256];
	char error[256];        /* why the link was last lost or could not be made; or empty */
	char merge_error[256];  /* why an account can't be merged; or empty */
	char software[64];      /* the other node's */
	bool unread;            /* there are rows that can't be read */
	uint64_t mended;        /* accounts that had such rows, and have the other node's now */
	int64_t clock_ahead_ms; /* the other node's clock */
	uint64_t unmirrored;    /* commits that are on this disk only */
	uint64_t merged;        /* accounts since the start */
	struct mirror_figures figures;
	struct mirror_scrub_status scrub;
	struct mirror_link_status link;
};
void mirror_node_status(struct mirror_node *node, struct mirror_status *ret_status);
/* Who the two are; cheap. */
struct mirror_pair_view {
	enum mirror_state state; /* never MERGING */
	int64_t since_ms;        /* in that state, monotonic clock */
	bool is_first;
	struct id other; /* none: it was not met since they were paired */
};
void mirror_node_see_pair(struct mirror_node *node, struct mirror_pair_view *ret_view);
const char *mirror_state_text(enum mirror_state state);
/* NULL when the node may take traffic; else why not. A node that was told to take some is not told
 * otherwise only because the other one comes back. */
const char *mirror_node_ailment(struct mirror_node *node);

/* Compares all accounts, row by row as they are on the disks, one after the other under its lease.
 * `differs` is told those that do not agree; with `repair` they are merged. Waits. */
struct mirror_verify_result {
	uint64_t accounts, differing;
};
int mirror_node_verify(struct mirror_node *node, bool repair, store_progress *progress,
	void (*differs)(void *context, struct id account, const char *why), void *context,
	struct mirror_verify_result *ret_result, struct err *err) WARN_UNUSED;

#endif
