/* DKIM keys of our domains: kept in a store's system account, so whatever carries the store carries
 * them; read into memory once.
 *
 * A domain may have several that sign (one of each algorithm, say), and others that no longer do,
 * whose records stay in the DNS until what they have signed has arrived. docs/dkim.md. */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include "filter/arc_seal.h"
#include "filter/dkim_sign.h"
#include "store/store.h"

struct keys;

enum { KEYS_SELECTOR_MAX = 63, KEYS_OF_DOMAIN_MAX = 8 };

int keys_open(struct store *store, struct keys **ret_keys, struct err *err) WARN_UNUSED;
void keys_close(struct keys *keys); /* NULL is fine */

struct keys_info {
	struct slice domain, selector; /* A-labels */
	enum filter_dkim_algorithm algorithm;
	bool signs;
	int64_t created;     /* seconds since 1970 */
	struct slice record; /* text for SELECTOR._domainkey.DOMAIN */
};

/* Makes one, which signs from now on. `selector` empty: one is made up of the day. ERR_EXISTS;
 * ERR_BAD_INPUT: no such domain or selector can be; ERR_LIMIT: the domain has too many. */
int keys_add(struct keys *keys, struct slice domain, struct slice selector,
	enum filter_dkim_algorithm algorithm, struct err *err) WARN_UNUSED;
/* From now on (or no longer) it signs. ERR_ABSENT. */
int keys_set(struct keys *keys, struct slice domain, struct slice selector, bool signs,
	struct err *err) WARN_UNUSED;
int keys_remove(
	struct keys *keys, struct slice domain, struct slice selector, struct err *err) WARN_UNUSED;
/* By domain and selector; of one domain, or (empty) of all. Slices are valid during the call. */
void keys_list(struct keys *keys, struct slice domain,
	void (*visit)(void *context, const struct keys_info *info), void *context);

/* Appends a signature by each key of the domain that signs; none is fine. Any thread. */
int keys_sign(struct keys *keys, struct slice domain, const struct filter_message *message,
	struct buf *to, struct err *err) WARN_UNUSED;
/* Appends a set of ARC fields (filter/arc_seal.h says what the arguments are) by a key of the
 * domain that signs: an RSA one, which all verifiers know. FILTER_ARC_NOT_SEALED also when it has
 * none. */
int keys_seal(struct keys *keys, struct slice domain, const struct filter_message *message,
	const struct filter_arc_result *came, struct slice results, struct buf *to,
	struct err *err) WARN_UNUSED;

#endif
