/* One durable change to the internal directory, and reading whole tables: what the files of
 * admin.h share. */
#ifndef DIRECTORY_ADMIN_CHANGE_H
#define DIRECTORY_ADMIN_CHANGE_H

#include "directory/admin.h"
#include "directory/internal_state.h"

struct directory_change {
	struct directory_internal *in;
	struct store_write *write;
	struct store_collection *tables[DIRECTORY_TABLES]; /* those that are open */
	struct arena arena; /* for what the change looks at; freed by directory_change_end */
	struct buf row;     /* of the object that is being made */
};
/* Locks the system account, and that of a user if not ID_NONE. directory_change_end is called when
 * this returned 0, and only then. */
int directory_change_begin(struct directory *d, struct id account,
	struct directory_change *ret_change, struct err *err) WARN_UNUSED;
/* The same, with the canonical form of an address or a domain. */
int directory_change_begin_address(struct directory *d, struct slice text,
	struct directory_address *ret_address, struct directory_change *ret_change,
	struct err *err) WARN_UNUSED;
int directory_change_begin_domain(struct directory *d, struct slice text,
	struct directory_domain_name *ret_name, struct directory_change *ret_change,
	struct err *err) WARN_UNUSED;
/* The same, with a user as he is under the lock; directory_change_end_user() writes his row. */
int directory_change_begin_user(struct directory *d, struct slice address,
	struct directory_change *ret_change, struct directory_found_user *ret_found,
	struct err *err) WARN_UNUSED;
int directory_change_end_user(struct directory_change *change, struct directory_found_user *found,
	int r, struct err *err) WARN_UNUSED;
/* Commits when `r` is 0, else aborts; returns r or the commit's result. */
int directory_change_end(struct directory_change *change, int r, struct err *err) WARN_UNUSED;
/* The object's data is change->row, in each; which is empty afterwards. */
int directory_change_add(struct directory_change *change, enum directory_table table,
	struct slice name, struct id id, struct err *err) WARN_UNUSED;
int directory_change_put(struct directory_change *change, enum directory_table table,
	struct store_object *object, struct err *err) WARN_UNUSED;
int directory_change_remove(struct directory_change *change, enum directory_table table,
	const struct store_object *object, struct err *err) WARN_UNUSED;

/* ERR_DENIED unless the directory is an internal one. */
int directory_admin_of(
	struct directory *d, struct directory_internal **ret_in, struct err *err) WARN_UNUSED;
/* Canonical names, or ERR_BAD_INPUT. */
int directory_admin_address(
	struct slice text, struct directory_address *ret_address, struct err *err) WARN_UNUSED;
int directory_admin_domain(
	struct slice text, struct directory_domain_name *ret_name, struct err *err) WARN_UNUSED;
/* Turns "not there" into ERR_ABSENT: "there is no <what> <name>". */
int directory_admin_found(int r, const char *what, struct slice name, struct err *err) WARN_UNUSED;
/* ERR_EXISTS when a user or an alias has the address; ERR_ABSENT when its domain is not ours. */
int directory_admin_is_free(struct directory_internal *in, const struct directory_address *address,
	struct err *err) WARN_UNUSED;
/* ERR_ABSENT unless it is a user or an alias. */
int directory_admin_is_target(
	struct directory_internal *in, struct slice address, struct err *err) WARN_UNUSED;
/* The form in which an address that mail goes on to is kept, in the arena: a user or an alias by
 * name, or one in a domain that is not ours. ERR_BAD_INPUT, ERR_ABSENT. */
int directory_admin_target(struct directory_internal *in, struct slice text, struct arena *arena,
	struct slice *ret_name, struct err *err) WARN_UNUSED;
/* Sets in the user's row where he forwards to, as far as the values say so. */
int directory_admin_forward(struct directory_change *change, struct slice user,
	const struct directory_values *v, struct directory_user_row *row,
	struct err *err) WARN_UNUSED;
/* DIRECTORY_QUOTA_INHERIT is none of its own. */
struct directory_maybe directory_admin_quota(uint64_t value);
/* ERR_BAD_INPUT when a value makes no sense or is not among `allowed`. */
int directory_admin_check_values(
	const struct directory_values *v, unsigned allowed, struct err *err) WARN_UNUSED;

/* Rows of a table that `keep` wants (NULL: all), sorted by name. `keep` must not call the store. */
struct directory_row_ref {
	uint32_t number;
	struct slice name;
};
int directory_admin_list(struct directory_internal *in, enum directory_table table,
	bool (*keep)(void *context, const struct store_object *object), void *context,
	struct arena *arena, struct directory_row_ref **ret_array, size_t *ret_count,
	struct err *err) WARN_UNUSED;
/* Its object; DIRECTORY_UNKNOWN when it has gone meanwhile. */
int directory_admin_get(struct directory_internal *in, enum directory_table table,
	const struct directory_row_ref *ref, struct arena *arena, struct store_object *ret_object,
	struct err *err) WARN_UNUSED;
/* For `keep`: whether the object's name is an address of this domain (a slice). */
WARN_UNUSED bool directory_admin_in_domain(void *domain, const struct store_object *object);

/* Aliases and domains (as catch-all) that name the address. */
struct directory_references {
	struct directory_row_ref *aliases, *domains;
	size_t alias_count, domain_count;
};
int directory_admin_references(struct directory_internal *in, struct slice address,
	struct arena *arena, struct directory_references *ret_references,
	struct err *err) WARN_UNUSED;
/* ERR_IN_USE, naming the first one, when there are any. */
int directory_admin_no_references(const struct directory_references *references,
	struct slice address, struct err *err) WARN_UNUSED;

#endif
