/* What the files of the internal directory share: its state, and finding rows by name. */
#ifndef DIRECTORY_INTERNAL_STATE_H
#define DIRECTORY_INTERNAL_STATE_H

#include "directory/address.h"
#include "directory/driver.h"
#include "directory/internal.h"
#include "directory/password.h"
#include "directory/remember.h"
#include "directory/rows.h"

#include <pthread.h>
#include <stdatomic.h>

enum directory_table { DIRECTORY_DOMAINS, DIRECTORY_USERS, DIRECTORY_ALIASES, DIRECTORY_TABLES };

struct directory_internal {
	struct directory base;
	struct store *store;
	char plus_separator;
	uint32_t scram_iterations;
	uint64_t quota_bytes, quota_messages;
	struct directory_hasher *hasher;
	struct directory_memory *memory;
	atomic_uint_fast64_t remembered;
	/* Ids of the collections, which never change once made: read without the lock when `known`,
	 * written under it. */
	pthread_mutex_t lock;
	struct {
		atomic_bool known;
		struct id id;
	} tables[DIRECTORY_TABLES];
};

/* The driver behind `directory`, or NULL when it is another one than internal. */
struct directory_internal *directory_internal_of(struct directory *directory);

enum store_kind directory_table_kind(enum directory_table table);
const char *directory_table_name(enum directory_table table);
/* 0, DIRECTORY_UNKNOWN when nothing was ever put into it, or negative. */
int directory_table_id(struct directory_internal *in, enum directory_table table, struct id *ret_id,
	struct err *err) WARN_UNUSED;
void directory_table_learn(struct directory_internal *in, enum directory_table table, struct id id);

/* By canonical name. 0, DIRECTORY_UNKNOWN or negative; what is found lies in the arena. */
int directory_find(struct directory_internal *in, enum directory_table table, struct slice name,
	struct arena *arena, struct store_object *ret_object, struct err *err) WARN_UNUSED;

struct directory_found_domain {
	struct store_object object;
	struct directory_domain_row row;
};
int directory_find_domain(struct directory_internal *in, struct slice name, struct arena *arena,
	struct directory_found_domain *ret_domain, struct err *err) WARN_UNUSED;
struct directory_found_user {
	struct store_object object;
	struct directory_user_row row;
};
int directory_find_user(struct directory_internal *in, struct slice name, struct arena *arena,
	struct directory_found_user *ret_user, struct err *err) WARN_UNUSED;
struct directory_found_alias {
	struct store_object object;
	struct directory_alias_row row;
};
int directory_find_alias(struct directory_internal *in, struct slice name, struct arena *arena,
	struct directory_found_alias *ret_alias, struct err *err) WARN_UNUSED;
/* The same from an object that was read already. */
int directory_decode_user(const struct store_object *object, struct arena *arena,
	struct directory_found_user *ret_user, struct err *err) WARN_UNUSED;
int directory_decode_alias(const struct store_object *object, struct arena *arena,
	struct directory_found_alias *ret_alias, struct err *err) WARN_UNUSED;
int directory_decode_domain(const struct store_object *object,
	struct directory_found_domain *ret_domain, struct err *err) WARN_UNUSED;

/* What the world sees of a user: limits are his own, else the domain's, else the node's. `domain`
 * may be NULL. */
void directory_describe(const struct directory_internal *in,
	const struct directory_found_user *found, const struct directory_found_domain *domain,
	struct directory_user *ret_user);

/* The driver's functions, one file each. */
int directory_internal_lookup(struct directory *directory, struct slice address,
	struct arena *arena, struct directory_route *ret_route, struct err *err) WARN_UNUSED;
int directory_internal_check(struct directory *directory, struct slice user, struct slice password,
	struct slice client, enum directory_service service, struct arena *arena,
	struct directory_user *ret_user, struct err *err) WARN_UNUSED;

#endif
