/* The keys of docs/formats/keys.md: built here and nowhere else. A key names what it belongs to
 * from the outside in (account, collection, number), so that every question of store.h is one
 * range. */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "store/store.h"

enum key_tag {
	KEY_ACCOUNT = 'a',            /* account */
	KEY_BASE = 'b',               /* account [collection [number(4)]]; the mirror's */
	KEY_CHANGE = 'c',             /* account collection change(8) number(4) */
	KEY_GONE = 'd',               /* account change(8) collection */
	KEY_OFFER = 'e',              /* account [collection [number(4)]]; the mirror's */
	KEY_FACET = 'f',              /* account collection number(4) */
	KEY_SWEEP = 'g',              /* account [collection] */
	KEY_COLLECTION = 'k',         /* account collection */
	KEY_COLLECTION_NAME = 'm',    /* account kind(4) name */
	KEY_OBJECT_NAME = 'n',        /* account collection name */
	KEY_OBJECT = 'o',             /* account collection number(4) */
	KEY_REF = STORE_KEY_BLOB_REF, /* blob account collection number(4) */
	KEY_FORMAT = 'v',             /* nothing follows */
};

enum {
	KEY_ACCOUNT_LEN = 1 + ID_SIZE,
	KEY_COLLECTION_LEN = KEY_ACCOUNT_LEN + ID_SIZE,
	KEY_OBJECT_LEN = KEY_COLLECTION_LEN + 4,
	KEY_CHANGE_LEN = KEY_COLLECTION_LEN + 8 + 4,
	KEY_GONE_LEN = KEY_ACCOUNT_LEN + 8 + ID_SIZE,
	KEY_REF_LEN = KEY_COLLECTION_LEN + ID_SIZE + 4,
	/* A longer name stands in its key as a digest. */
	KEY_NAME_WHOLE_MAX = 255,
	KEY_SIZE_MAX = KEY_COLLECTION_LEN + 1 + KEY_NAME_WHOLE_MAX,
};
_Static_assert(KEY_SIZE_MAX <= (int)STORE_KEY_MAX, "a driver takes no longer keys");

struct key {
	size_t len;
	char bytes[KEY_SIZE_MAX];
};

static inline struct slice key_slice(const struct key *key)
{
	return slice(key->bytes, key->len);
}

void key_of_tag(struct key *key, enum key_tag tag);
void key_of_account(struct key *key, enum key_tag tag, struct id account);
void key_of_collection(struct key *key, enum key_tag tag, struct id account, struct id collection);
void key_of_object(struct key *key, enum key_tag tag, struct id account, struct id collection,
	uint32_t number);
void key_of_change(
	struct key *key, struct id account, struct id collection, uint64_t change, uint32_t number);
void key_of_gone(struct key *key, struct id account, uint64_t change, struct id collection);
void key_of_ref(
	struct key *key, struct id blob, struct id account, struct id collection, uint32_t number);
void key_of_collection_name(
	struct key *key, struct id account, enum store_kind kind, struct slice name);
void key_of_object_name(
	struct key *key, struct id account, struct id collection, struct slice name);
/* From a key (or prefix) to the end of the range of all keys that begin with it. */
void key_to_end(struct key *key);

/* Fields of a key from a scan, whose length the caller has looked at. */
static inline struct id key_id_at(struct slice key, size_t offset)
{
	struct id id;
	memcpy(id.bytes, key.ptr + offset, ID_SIZE);
	return id;
}
static inline struct id key_account(struct slice key)
{
	return key_id_at(key, 1);
}
static inline struct id key_collection(struct slice key)
{
	return key_id_at(key, KEY_ACCOUNT_LEN);
}
/* Of keys that end in one. */
uint32_t key_number(struct slice key);
/* Of KEY_CHANGE. */
uint64_t key_change(struct slice key);
/* Of KEY_GONE. */
uint64_t key_gone_change(struct slice key);

#endif
