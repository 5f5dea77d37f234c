/* The internal directory: domains, users, aliases as objects of the store's system account
 * (formats: docs/formats/directory.md). Passwords are kept as argon2id hashes and SCRAM-SHA-256
 * keys.
 *
 * A right password is remembered for a while as a keyed digest in memory (key made at start, bound
 * to the user's change number), so that the expensive hash is computed once. At most as many hashes
 * are computed at once as there are CPUs. */
#ifndef DIRECTORY_INTERNAL_H
#define DIRECTORY_INTERNAL_H

#include "directory/directory.h"
#include "store/store.h"

struct directory_cost {
	uint32_t argon2_kib;       /* memory; 0: 19 MiB (OWASP's figure for t=2, p=1) */
	uint32_t argon2_passes;    /* 0: 2 */
	uint32_t scram_iterations; /* 0: 10,000 */
};

struct directory_internal_options {
	struct store *store; /* borrowed */
	char plus_separator; /* '+'; 0: no plus addressing */
	struct directory_cost cost;
	unsigned remember_seconds; /* right passwords; 0: 600; DIRECTORY_REMEMBER_NOTHING */
	uint64_t quota_bytes, quota_messages; /* of users where neither they nor their domain has
						 one; 0: none */
};
enum { DIRECTORY_REMEMBER_NOTHING = INT32_MAX };
/* Internal is also what directory/admin.h works on. */
int directory_internal_new(const struct directory_internal_options *options,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;

/* For metrics; only of an internal directory. */
struct directory_internal_figures {
	uint64_t hashes;     /* argon2id computations, for right, wrong and unknown */
	uint64_t remembered; /* logins that needed none */
};
struct directory_internal_figures directory_internal_figures(struct directory *directory);

#endif
