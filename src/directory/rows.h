/* Domains, users and aliases as bytes of their objects: docs/formats/directory.md. Pure. Fields
 * that this version does not know are kept when a row is written again, so that two versions can
 * work on the same store. */
#ifndef DIRECTORY_ROWS_H
#define DIRECTORY_ROWS_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	DIRECTORY_ROW_MAX = 1024 * 1024,
	DIRECTORY_TARGETS_MAX = 1000,     /* of one alias */
	DIRECTORY_FORWARDS_MAX = 20,      /* of one user */
	DIRECTORY_APP_PASSWORDS_MAX = 50, /* of one user: each wrong login hashes against all */
	DIRECTORY_SALT_SIZE = 16,
	DIRECTORY_DIGEST_SIZE = 32,
};

/* A number that may be absent ("as the domain says"). */
struct directory_maybe {
	bool set;
	uint64_t value;
};

struct directory_domain_row {
	int64_t created;
	uint64_t quota_bytes, quota_messages; /* of all users together; 0: none */
	struct directory_maybe user_quota_bytes, user_quota_messages;
	struct slice catch_all;
};

struct directory_app_password_row {
	struct slice name;
	unsigned services;
	int64_t created;
	uint8_t salt[DIRECTORY_SALT_SIZE], digest[DIRECTORY_DIGEST_SIZE];
};

struct directory_user_row {
	int64_t created;
	struct slice hash;  /* argon2id as text; "": no password */
	struct slice scram; /* SCRAM-SHA-256 keys as text; "": none */
	struct slice full_name, to_host;
	unsigned services;
	bool suspended;
	struct directory_maybe quota_bytes, quota_messages;
	struct directory_app_password_row *app_passwords;
	size_t app_password_count;
	struct slice *forwards; /* addresses that his mail goes on to, here or elsewhere */
	size_t forward_count;
	bool no_copy; /* and stays nowhere here */
};

struct directory_alias_row {
	int64_t created;
	struct slice *targets;
	size_t target_count;
};

/* Slices of a decoded row point into `data`; arrays lie in the arena. False: damaged, or of a
 * version that this one can't read. */
WARN_UNUSED bool directory_domain_row_decode(
	struct slice data, struct directory_domain_row *ret_row);
WARN_UNUSED bool directory_user_row_decode(
	struct slice data, struct arena *arena, struct directory_user_row *ret_row);
WARN_UNUSED bool directory_alias_row_decode(
	struct slice data, struct arena *arena, struct directory_alias_row *ret_row);

/* `old` is the row that this one replaces (empty: none); its unknown fields are carried over. */
void directory_domain_row_encode(
	const struct directory_domain_row *row, struct slice old, struct buf *to);
void directory_user_row_encode(
	const struct directory_user_row *row, struct slice old, struct buf *to);
void directory_alias_row_encode(
	const struct directory_alias_row *row, struct slice old, struct buf *to);

#endif
