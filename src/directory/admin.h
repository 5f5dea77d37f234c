/* Changing the internal directory: what `rookery domain|user|alias …` does. Names are checked and
 * made canonical (lower case; domains to A-labels by IDNA). Errors are for people: ERR_EXISTS,
 * ERR_ABSENT, ERR_BAD_INPUT, ERR_IN_USE (a domain that still has users), ERR_LIMIT.
 *
 * They work on an internal directory only (ERR_DENIED on another), but for showing a user, and for
 * scanning them where the driver can. Each change is one durable write
 * under the lock of the system account. Listing, counting and removing read the whole table: a few
 * hundred thousand rows a second. `v` may be NULL where there is nothing to set. */
#ifndef DIRECTORY_ADMIN_H
#define DIRECTORY_ADMIN_H

#include "directory/directory.h"

/* Options set by `set`: fields whose `has` bit is on. */
enum directory_field {
	DIRECTORY_HAS_QUOTA_BYTES = 1,
	DIRECTORY_HAS_QUOTA_MESSAGES = 2,
	DIRECTORY_HAS_FULL_NAME = 4,
	DIRECTORY_HAS_SERVICES = 8,
	DIRECTORY_HAS_SUSPENDED = 16,
	DIRECTORY_HAS_TO_HOST = 32,
	DIRECTORY_HAS_CATCH_ALL = 64,         /* domains: address, "" for none */
	DIRECTORY_HAS_USER_QUOTA_BYTES = 128, /* domains: default of its users */
	DIRECTORY_HAS_USER_QUOTA_MESSAGES = 256,
	DIRECTORY_HAS_FORWARD = 512, /* of users that are there, as the next */
	DIRECTORY_HAS_NO_COPY = 1024,
};
/* As user_quota_*, quota_* of a user: back to the default of the domain or the node (0: no limit).
 */
#define DIRECTORY_QUOTA_INHERIT UINT64_MAX
struct directory_values {
	unsigned has;
	uint64_t quota_bytes, quota_messages; /* of a domain: of all its users together */
	uint64_t user_quota_bytes, user_quota_messages;
	struct slice full_name, to_host, catch_all;
	unsigned services;
	bool suspended;
	/* Addresses, "," between, here or elsewhere; "": his mail stays. And whether it stays as
	 * well, which it does unless he says no. */
	struct slice forward;
	bool no_copy;
};

struct directory_domain_info {
	struct id id;
	struct slice name;
	struct directory_values values;
	uint64_t users, aliases;
	int64_t created;
};
int directory_domain_add(struct directory *d, struct slice name, const struct directory_values *v,
	struct err *err) WARN_UNUSED;
int directory_domain_set(struct directory *d, struct slice name, const struct directory_values *v,
	struct err *err) WARN_UNUSED;
int directory_domain_remove(struct directory *d, struct slice name, struct err *err) WARN_UNUSED;
int directory_domain_show(struct directory *d, struct slice name, struct arena *arena,
	struct directory_domain_info *ret_info, struct err *err) WARN_UNUSED;
int directory_domain_list(struct directory *d, struct arena *arena,
	struct directory_domain_info **ret_array, size_t *ret_count, struct err *err) WARN_UNUSED;

/* A user's account (mailboxes) is prepared by the caller: this floor knows nothing of mail. An
 * empty password means none yet: nobody can log in as him. */
int directory_user_add(struct directory *d, struct slice address, struct slice password,
	const struct directory_values *v, struct id *ret_account, struct err *err) WARN_UNUSED;
/* Many in one write: all or none. The error names the one that does not fit. */
struct directory_new_user {
	struct slice address, password;
	const struct directory_values *values;
	struct id account; /* set when done */
};
enum { DIRECTORY_NEW_USERS_MAX = 1000 };
int directory_user_add_many(struct directory *d, struct directory_new_user *users, size_t count,
	struct err *err) WARN_UNUSED;
int directory_user_set(struct directory *d, struct slice address, const struct directory_values *v,
	struct err *err) WARN_UNUSED;
int directory_user_password(struct directory *d, struct slice address, struct slice password,
	struct err *err) WARN_UNUSED;
/* A hash made elsewhere: "$argon2id$v=19$m=…,t=…,p=…$salt$hash". SCRAM works again once he gets a
 * password here. */
int directory_user_password_hash(
	struct directory *d, struct slice address, struct slice hash, struct err *err) WARN_UNUSED;
/* Also removes the account with all that it holds. A user that aliases or catch-alls name is
 * refused (ERR_IN_USE) unless `force`, which takes him out of them; an alias that named nobody else
 * goes with him. */
int directory_user_remove(
	struct directory *d, struct slice address, bool force, struct err *err) WARN_UNUSED;
int directory_user_show(struct directory *d, struct slice address, struct arena *arena,
	struct directory_user *ret_user, struct err *err) WARN_UNUSED;
/* Users of a domain ("" for all), by address; `pattern` with * and ? or "". `visit` returns false
 * to stop; it may call the directory. */
int directory_user_scan(struct directory *d, struct slice domain, struct slice pattern,
	bool (*visit)(void *context, const struct directory_user *user), void *context,
	struct err *err) WARN_UNUSED;

/* A user who moves between nodes that each have an internal directory: his row as bytes
 * (docs/formats/directory.md), with all his secrets, which the caller wipes; and his account, which
 * stays. */
int directory_user_export(struct directory *d, struct slice address, struct buf *ret_row,
	struct id *ret_account, struct err *err) WARN_UNUSED;
/* Whether he could come: ERR_ABSENT without his domain, ERR_EXISTS when somebody else has the
 * address. */
int directory_user_expects(struct directory *d, struct slice address, struct id account,
	bool *ret_is_there, struct err *err) WARN_UNUSED;
/* Made, or put in place of what is there of him. Errors as above. */
int directory_user_import(struct directory *d, struct slice address, struct id account,
	struct slice row, struct err *err) WARN_UNUSED;
/* Only his row; he may be gone already. */
int directory_user_withdraw(
	struct directory *d, struct slice address, struct id account, struct err *err) WARN_UNUSED;

/* App passwords: made by us (random, shown once), named, each for some services. */
struct directory_app_password {
	struct slice name;
	unsigned services;
	int64_t created;
};
int directory_app_password_add(struct directory *d, struct slice address, struct slice name,
	unsigned services, struct buf *ret_password, struct err *err) WARN_UNUSED;
int directory_app_password_list(struct directory *d, struct slice address, struct arena *arena,
	struct directory_app_password **ret_array, size_t *ret_count, struct err *err) WARN_UNUSED;
int directory_app_password_remove(
	struct directory *d, struct slice address, struct slice name, struct err *err) WARN_UNUSED;

/* Targets are addresses of users or aliases of this directory, or in domains that are not ours, 1 …
 * 1,000; an alias that would lead to itself is ERR_BAD_INPUT, one that another alias or a domain
 * names is ERR_IN_USE to remove. */
struct directory_alias_info {
	struct slice name;
	const struct slice *targets;
	size_t target_count;
	int64_t created;
};
int directory_alias_add(struct directory *d, struct slice address, const struct slice *targets,
	size_t count, struct err *err) WARN_UNUSED;
int directory_alias_set(struct directory *d, struct slice address, const struct slice *targets,
	size_t count, struct err *err) WARN_UNUSED;
int directory_alias_remove(struct directory *d, struct slice address, struct err *err) WARN_UNUSED;
int directory_alias_show(struct directory *d, struct slice address, struct arena *arena,
	struct directory_alias_info *ret_info, struct err *err) WARN_UNUSED;
int directory_alias_list(struct directory *d, struct slice domain, struct arena *arena,
	struct directory_alias_info **ret_array, size_t *ret_count, struct err *err) WARN_UNUSED;

#endif
