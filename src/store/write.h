/* The inside of a store_write: what it has loaded and changed, kept as structs and turned into rows
 * once, at commit. So an object that is changed five times is written once, and reads inside the
 * write see what will be. Not for other folders.
 *
 * Facets, and what deletions of whole collections take away, go into the batch at once: they can be
 * large or many, and nothing later in the write looks at them. */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "store/internal.h"
#include "store/table.h"

enum { WRITE_MAGIC = 0x57524954 };

struct write_account {
	struct store_account row;
	uint64_t collections; /* living */
	bool loaded, existed, changed;
	bool emptied; /* store_write_account_gone left nothing for the sweep */
};

struct write_collection {
	struct store_collection row; /* what the caller holds; first, so that it leads back here */
	struct write_collection *next;
	struct write_account *account;
	struct slice old_name;   /* as committed */
	struct slice known_name; /* as this write last heard of it */
	uint64_t was_digest;     /* of its row as committed; 0 of a new one */
	bool is_new, changed, gone;
};

enum write_state {
	WRITE_LOADED,
	WRITE_NEW,
	WRITE_CHANGED,
	WRITE_GONE,
	WRITE_DROPPED, /* new and gone in the same write: nothing remains */
};

struct write_object {
	struct write_object *next;
	struct write_collection *collection;
	enum write_state state;
	bool facet_put;              /* in the batch already */
	struct write_blob *new_blob; /* when now.blob is one of this write's */
	struct store_object was;     /* as committed; not of a new one */
	uint64_t was_digest;         /* of its row as committed */
	struct store_object now;     /* slices point into the write's arena */
};

struct write_blob {
	struct store_new_blob blob;
	bool used;
};

struct store_write {
	unsigned magic;
	struct store *store;
	struct store_txn *txn;
	struct arena arena;
	struct store_batch batch;
	struct err failure;             /* sticky: of calls that return nothing */
	struct write_account *accounts; /* by id */
	size_t account_count;
	struct write_collection *collections, **collections_end; /* in order of loading */
	size_t collection_count;
	struct write_object *objects, **objects_end;
	size_t object_count;
	struct table collections_by_id, collections_by_name;
	struct table objects_by_number, objects_by_name;
	struct table blobs_by_id;
	struct write_blob *last_blob;
	size_t blob_count;
	unsigned sweep_room; /* rows that deletions of collections may still take along */
	bool object_names;   /* some object's name has to be written or taken away */
};

/* The account's row under the lock; a bug when the write did not lock it. */
int write_load_account(struct store_write *write, struct id id, struct write_account **ret_account,
	struct err *err) WARN_UNUSED;
/* Gives out the account's change number, once a write. ERR_LIMIT; ERR_ABSENT when it is gone. */
int write_change_account(
	struct store_write *write, struct write_account *account, struct err *err) WARN_UNUSED;
/* The same, and for the collection; checks that it is this write's and not gone. */
int write_change_collection(struct store_write *write, struct store_collection *row,
	struct write_collection **ret_collection, struct err *err) WARN_UNUSED;
int write_collection_of(struct store_write *write, struct store_collection *row,
	struct write_collection **ret_collection, struct err *err) WARN_UNUSED;
/* STORE_ABSENT also when it is gone in this write. */
int write_load_collection(struct store_write *write, struct write_account *account, struct id id,
	struct write_collection **ret_collection, struct err *err) WARN_UNUSED;
int write_check_names(struct store_write *write, struct err *err) WARN_UNUSED;
/* The rows of everything changed, into the batch. */
void write_emit(struct store_write *write);

#endif
