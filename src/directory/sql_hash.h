/* Passwords as other programs keep them: crypt(3) with "$…" (bcrypt, SHA-512, yescrypt; "{CRYPT}",
 * "{BLF-CRYPT}", "{SHA512-CRYPT}" … in front or not), and {SSHA}, {SSHA256}, {SSHA512}: base64 of
 * digest and salt. Pure. */
#ifndef DIRECTORY_SQL_HASH_H
#define DIRECTORY_SQL_HASH_H

#include "base/err.h"

/* 0 right, DIRECTORY_WRONG, or negative: the hash is none of these (temporary). */
int directory_sql_hash_verify(
	struct slice hash, struct slice password, struct err *err) WARN_UNUSED;
/* Whether the text has the shape of one of them; whether crypt(3) knows it is seen when it is used.
 */
WARN_UNUSED bool directory_sql_hash_is_known(struct slice hash);
/* The argon2id hash without "{ARGON2ID}"; empty when it is another kind. */
struct slice directory_sql_hash_argon2id(struct slice hash);

#endif
