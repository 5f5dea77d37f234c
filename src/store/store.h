/* Accounts, collections, objects, change numbers.
 *
 * An account is a set of collections (mailboxes, calendars, settings, …) of objects. Every change
 * to any of them gets the account's next change number; a deletion leaves a tombstone with its
 * change number. "What changed since N" is one scan. Ids never change; names and numbers hang on
 * them.
 *
 * Reads need no lock and see the last committed state; results are copies. Writes
 * go through a store_write, which locks its accounts, collects changes and commits them at once. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "store/driver.h"

struct store;

struct store_options {
	const struct store_driver *driver;
	struct store_driver_options driver_options;
	struct store_db *db; /* opened already with this driver; the store closes it. NULL: opens */
};
int store_open(
	const struct store_options *options, struct store **ret_store, struct err *err) WARN_UNUSED;
/* No write is under way and no watch is left. NULL is fine. */
void store_close(struct store *store);
/* For check, backup, compact and figures. */
const struct store_driver *store_driver_of(struct store *store, struct store_db **ret_db);

/* The account of the server itself (domains, users, …): always there. */
extern const struct id STORE_SYSTEM_ACCOUNT;
/* Of no rows, but of references to bodies on their way from another store (mirror/stage.h). */
extern const struct id STORE_STAGING_ACCOUNT;

struct store_account {
	struct id id;
	uint64_t change; /* highest change number given out */
	uint64_t bytes;  /* of objects that count for quota (STORE_COUNTED) */
	uint64_t count;
	int64_t created; /* seconds since 1970 */
	uint64_t digest; /* of its collections: equal in two stores when these are */
	bool gone;       /* being deleted */
};

/* Kinds of collections; the number is on disk. */
enum store_kind {
	STORE_MAILBOX = 1,
	STORE_SUBSCRIPTIONS = 2,
	STORE_SETTINGS = 3,
	STORE_LEARN = 4,    /* what a spam filter is to learn */
	STORE_DOMAINS = 10, /* in the system account */
	STORE_USERS = 11,
	STORE_ALIASES = 12,
	STORE_DKIM = 13,     /* private keys of domains */
	STORE_ACME = 14,     /* certificates, and how they are had */
	STORE_COMMON = 15,   /* options of the config that two nodes share */
	STORE_SRS = 16,      /* secrets of rewritten senders */
	STORE_MOVES = 17,    /* users on their way between nodes */
	STORE_QUEUE = 20,    /* in accounts of the mx's own store */
	STORE_POLICIES = 21, /* of other domains; in the mx's own store */
	STORE_GREYLIST = 22, /* in accounts of the mx's own store */
	STORE_REPORTS = 23,  /* the same */
};

enum { STORE_STOPPED = 2 }; /* positive outcome: `progress` ended long work */
enum { STORE_NAME_MAX = 255 * 4, STORE_COLLECTIONS_MAX = 100000 };

struct store_collection {
	struct id id;
	enum store_kind kind;
	struct slice name;     /* unique among the living ones of its kind in the account; UTF-8 */
	uint64_t change;       /* of the last change to it or anything in it */
	uint64_t own_change;   /* of the last change to its name or data */
	uint64_t created;      /* change number of its creation */
	uint32_t next_number;  /* the next object's number; a mailbox's UIDNEXT; starts at 1 */
	uint64_t count, bytes; /* living objects, their blob sizes */
	uint64_t counted, counted_bytes; /* those of them that are STORE_COUNTED */
	uint64_t digest;                 /* of its objects and tombstones */
	struct slice data;               /* the upper floor's own; opaque here */
};

enum store_object_flag {
	STORE_COUNTED = 1, /* counts for the account's quota */
			   /* 2 is taken: see row.c */
};

struct store_object {
	struct id id;
	/* Of one that was moved, which makes another object of it: the id of the first one.
	 * ID_NONE: it was never moved. */
	struct id origin;
	uint32_t
		number; /* unique in the collection, ascending, never used again: a mailbox's UID */
	unsigned flags; /* enum store_object_flag */
	uint64_t change; /* its last change: MODSEQ */
	struct id blob;  /* ID_NONE when it has none */
	uint64_t blob_len;
	struct slice name; /* unique in the collection; empty when objects of this kind have none */
	struct slice data; /* the upper floor's own; small; opaque here */
};
/* What stays the same however often an object is moved. */
static inline struct id store_object_identity(const struct store_object *object)
{
	return id_is_none(object->origin) ? object->id : object->origin;
}

/* Reading. Slices in results point into `arena`. All return 0, STORE_ABSENT or negative. */
int store_get_account(struct store *store, struct id account, struct store_account *ret_account,
	struct err *err) WARN_UNUSED;
int store_get_collection(struct store *store, struct id account, struct id collection,
	struct arena *arena, struct store_collection *ret_collection, struct err *err) WARN_UNUSED;
/* By kind and name. */
int store_find_collection(struct store *store, struct id account, enum store_kind kind,
	struct slice name, struct arena *arena, struct store_collection *ret_collection,
	struct err *err) WARN_UNUSED;
/* All living collections of a kind, by name in byte order. */
int store_list_collections(struct store *store, struct id account, enum store_kind kind,
	struct arena *arena, struct store_collection **ret_array, size_t *ret_count,
	struct err *err) WARN_UNUSED;
int store_get_object(struct store *store, struct id account, struct id collection, uint32_t number,
	struct arena *arena, struct store_object *ret_object, struct err *err) WARN_UNUSED;
int store_find_object(struct store *store, struct id account, struct id collection,
	struct slice name, struct arena *arena, struct store_object *ret_object,
	struct err *err) WARN_UNUSED;
/* Objects with first <= number <= last, ascending; `visit` returns false to stop. The object and
 * its slices are valid during the call only. */
int store_scan_objects(struct store *store, struct id account, struct id collection, uint32_t first,
	uint32_t last, bool (*visit)(void *context, const struct store_object *object),
	void *context, struct err *err) WARN_UNUSED;
/* What changed in a collection after change number `since`, ascending by change, each object once
 * with its last change; `gone` are tombstones. */
struct store_change {
	uint64_t change;
	uint32_t number;
	bool gone;
	struct id id; /* of what is gone; ID_NONE while it lives */
};
int store_scan_changes(struct store *store, struct id account, struct id collection, uint64_t since,
	bool (*visit)(void *context, const struct store_change *change), void *context,
	struct err *err) WARN_UNUSED;
/* What changed in an account after change number `since`: first the collections that are gone, by
 * change, then the living ones that changed or had something changed in them, by id. What changed
 * in them is store_scan_changes' answer. Of one that is gone only id, kind and change are known.
 * Collections that did not change cost the reading of their row. */
int store_scan_account_changes(struct store *store, struct id account, uint64_t since,
	bool (*visit)(void *context, const struct store_collection *collection, bool gone),
	void *context, struct err *err) WARN_UNUSED;
/* Every account (those that are being deleted too), by id. */
int store_list_accounts(struct store *store,
	bool (*visit)(void *context, const struct store_account *account), void *context,
	struct err *err) WARN_UNUSED;
/* A cache beside an object (a mailbox's: ENVELOPE, BODYSTRUCTURE): may be missing, then made again.
 */
int store_get_facet(struct store *store, struct id account, struct id collection, uint32_t number,
	struct buf *to, struct err *err) WARN_UNUSED;
int store_scan_facets(struct store *store, struct id account, struct id collection, uint32_t first,
	uint32_t last, bool (*visit)(void *context, uint32_t number, struct slice facet),
	void *context, struct err *err) WARN_UNUSED;
int store_read_blob(struct store *store, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err) WARN_UNUSED;

/* Writing: begin, change, commit (or abort). One thread. Everything that one store_write changes in
 * an account has the same change number. What is larger than one write can hold fails with
 * ERR_LIMIT: do it in pieces. Objects and collections that a write looks up or changes count. */
struct store_write;
enum { STORE_WRITE_OBJECTS_MAX = 250000, STORE_WRITE_COLLECTIONS_MAX = STORE_COLLECTIONS_MAX };
int store_write_begin(struct store *store, const struct id *accounts, size_t count,
	struct store_write **ret_write, struct err *err) WARN_UNUSED;
/* The account's row as it will be; a new account is made by its first write. The change number that
 * this write gives out is ->change + 1 before and ->change after the first change. */
int store_write_account(struct store_write *write, struct id account,
	const struct store_account **ret_account, struct err *err) WARN_UNUSED;
/* A collection to look at or change, loaded under the lock. The caller may set ->name and ->data
 * (and nothing else) on what it gets, and then calls store_write_collection_changed. STORE_ABSENT.
 */
int store_write_collection(struct store_write *write, struct id account, struct id collection,
	struct store_collection **ret_collection, struct err *err) WARN_UNUSED;
/* By kind and name, as it will be: what this write made or renamed is found. STORE_ABSENT. */
int store_write_find_collection(struct store_write *write, struct id account, enum store_kind kind,
	struct slice name, struct store_collection **ret_collection, struct err *err) WARN_UNUSED;
/* Copies ->name and ->data. A name that is taken by then makes the commit fail with ERR_EXISTS, so
 * that a write may rename many, in any order. */
void store_write_collection_changed(struct store_write *write, struct store_collection *collection);
/* ERR_EXISTS when the name is taken. Name and data are copied. */
int store_write_collection_new(struct store_write *write, struct id account, enum store_kind kind,
	struct slice name, struct slice data, struct store_collection **ret_collection,
	struct err *err) WARN_UNUSED;
/* With all its objects; leaves a tombstone. From commit on nobody sees any of them; of a large
 * collection the last rows go later (store_sweep). */
int store_write_collection_gone(struct store_write *write, struct store_collection *collection,
	struct err *err) WARN_UNUSED;
/* Stores `object` as new: number, change are given out and set in *object, blob_len too; id when it
 * is none. When the object that it was is gone in the same write, origin says so:
 * store_object_identity() of that one. `blob` must be added in this write or belong to an object of
 * an account that this write locks (else it may be gone by the commit). ERR_EXISTS when the name is
 * taken; ERR_ABSENT when there is no such blob. */
int store_write_object_new(struct store_write *write, struct store_collection *collection,
	struct store_object *object, struct slice facet, struct err *err) WARN_UNUSED;
/* The collection's next number, which no object gets then: for what is counted and is no object. At
 * least `least`. ERR_LIMIT when there is none left. */
int store_write_take_number(struct store_write *write, struct store_collection *collection,
	uint32_t least, uint32_t *ret_number, struct err *err) WARN_UNUSED;
/* An object as it will be: changes of this write are seen. Slices point into the write and live as
 * long as it. STORE_ABSENT. */
int store_write_get_object(struct store_write *write, struct store_collection *collection,
	uint32_t number, struct store_object *ret_object, struct err *err) WARN_UNUSED;
int store_write_find_object(struct store_write *write, struct store_collection *collection,
	struct slice name, struct store_object *ret_object, struct err *err) WARN_UNUSED;
/* Stores changed flags, blob, name or data (not origin) of an object that was read inside this
 * write (after begin); its change is set. The facet stays; to change it, pass it (ptr NULL: leave).
 * STORE_ABSENT when it is gone; ERR_EXISTS when the name is taken. */
int store_write_object(struct store_write *write, struct store_collection *collection,
	struct store_object *object, struct slice facet, struct err *err) WARN_UNUSED;
/* STORE_ABSENT when it is gone already. */
int store_write_object_gone(struct store_write *write, struct store_collection *collection,
	const struct store_object *object, struct err *err) WARN_UNUSED;
/* Tombstones of its objects that were left up to change number `until` are forgotten, `max` at
 * most: then store_scan_changes() does not tell these any more, nor does a mirror that has not
 * heard of them (store/forget.h). Seen after the commit. */
int store_write_forget_gone(struct store_write *write, struct store_collection *collection,
	uint64_t until, size_t max, size_t *ret_count, struct err *err) WARN_UNUSED;
/* Adds a body, stored once however many objects refer to it. `bytes` are borrowed until commit. */
struct id store_write_blob(struct store_write *write, struct slice bytes);
/* Everything of an account, tombstones too (a user was removed for good). Of a large account the
 * last rows go later (store_sweep); until then its row says gone. */
int store_write_account_gone(
	struct store_write *write, struct id account, struct err *err) WARN_UNUSED;
/* Durable and visible when it returns 0. Ends the write either way. */
int store_write_commit(struct store_write *write, struct err *err) WARN_UNUSED;
void store_write_abort(struct store_write *write); /* NULL is fine */

/* A commit that another store made, as its driver got it, into the same rows here. For the mirror,
 * whose driver wraps `driver` and `db`; goes by those, and tells caches and watches. */
struct store_apply {
	const struct id *accounts; /* whose rows are in the batch, each once */
	size_t account_count;
	const struct store_batch *batch;
	const struct store_new_blob *blobs;
	size_t blob_count;
	/* Asked once the accounts are locked; false: the commit may not be any more. May be NULL.
	 */
	bool (*may)(void *context);
	void *context;
};
int store_apply(struct store *store, const struct store_driver *driver, struct store_db *db,
	const struct store_apply *apply, struct err *err) WARN_UNUSED;
/* As much higher will the account's next change number be, and each collection's next number:
 * another store that held the same may have given those between out. By `driver` and `db`, as
 * above. */
struct store_skip {
	struct id account;
	uint64_t changes;
	uint32_t numbers;
	/* Adds what is to be committed with the rows that change, under their locks. */
	int (*note)(void *context, struct store_txn *txn, const struct store_batch *rows,
		struct store_batch *to, struct err *err);
	void *context;
};
int store_skip(struct store *store, const struct store_driver *driver, struct store_db *db,
	const struct store_skip *skip, struct err *err) WARN_UNUSED;

/* Clients may be led from one store to another that has the same. Before one is told of an account,
 * waits until this store has what clients were told of it elsewhere; once it is read and not told
 * yet, until the other store has it too. But not for long. */
void store_catch_up(struct store *store, struct id account);

/* Gives up what large deleted collections and accounts left behind, in pieces that each hold the
 * account's lock for a moment. Called every few minutes, before the driver's compact; what a crash
 * interrupts the next call goes on with. STORE_STOPPED when `progress` (may be NULL) said so. */
int store_sweep(
	struct store *store, store_progress *progress, void *context, struct err *err) WARN_UNUSED;

/* Accounts that nobody may write to for now (a user moves to another node): store_write_begin() of
 * one fails with ERR_UNAVAILABLE, temporary. `is_shut` is asked under the account's lock; it may
 * read the store. store_apply() is not asked about. Set before others use the store; NULL: none. */
void store_set_gate(
	struct store *store, bool (*is_shut)(void *context, struct id account), void *context);
/* Returns when each write that had passed the gate before has ended. */
int store_await_writes(struct store *store, struct id account, struct err *err) WARN_UNUSED;

/* Wake-ups: after every commit that changed the account, from the committing thread. `woken` must
 * be quick, must not block or call the store. When store_unwatch returns, it runs no more. */
struct store_watch;
struct store_watch *store_watch(struct store *store, struct id account,
	void (*woken)(void *context, struct id account), void *context);
void store_unwatch(struct store *store, struct store_watch *watch);

/* Verifies what drivers can't know: rows parse, counters agree with objects, every name, change and
 * blob reference points where it should. Runs the driver's check first. May run while serving: it
 * holds the lock of one account at a time. STORE_STOPPED when `progress` (may be NULL) said so. */
int store_check(struct store *store, store_report *report, store_progress *progress, void *context,
	struct err *err) WARN_UNUSED;

#endif
