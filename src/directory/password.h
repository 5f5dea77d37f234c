/* Passwords as they are kept: argon2id hashes (RFC 9106) in their usual text form
 * "$argon2id$v=19$m=19456,t=2,p=1$salt$hash", so that hashes made elsewhere can be brought in.
 *
 * A hash takes memory and milliseconds, and anybody can ask for one. So no more are computed at
 * once than there are CPUs; who waits longer than 10 s for his turn gets a temporary failure. */
#ifndef DIRECTORY_PASSWORD_H
#define DIRECTORY_PASSWORD_H

#include "base/buf.h"
#include "base/err.h"

enum {
	DIRECTORY_HASH_TEXT_MAX = 512,
	DIRECTORY_PASSWORD_MAX = 1024,
};

struct directory_hasher;
struct directory_hasher *directory_hasher_new(uint32_t argon2_kib, uint32_t argon2_passes);
/* Instead of the CPUs and 10 s; for tests, before the hasher is used. */
void directory_hasher_limit(struct directory_hasher *hasher, unsigned at_once, unsigned wait_ms);
void directory_hasher_free(struct directory_hasher *hasher);

/* Appends the hash of a new password. */
int directory_hasher_make(struct directory_hasher *hasher, struct slice password, struct buf *to,
	struct err *err) WARN_UNUSED;
/* 0 right, DIRECTORY_WRONG, or negative. An empty `hash` costs what a real one does and is never
 * right. */
int directory_hasher_verify(struct directory_hasher *hasher, struct slice hash,
	struct slice password, struct err *err) WARN_UNUSED;
/* How many hashes have been computed, and how many at most at once. */
uint64_t directory_hasher_count(const struct directory_hasher *hasher);
unsigned directory_hasher_most_at_once(struct directory_hasher *hasher);
/* Whether the text is a hash that we can verify at a bearable cost (1 GiB, 100 passes). */
WARN_UNUSED bool directory_hash_is_sound(struct slice hash);

#endif
