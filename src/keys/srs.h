/* Secrets by which rewritten senders (envelope/srs.h) are signed: kept in a store's system account,
 * so both nodes of a mirror have them. Two that had one each before they were paired have both, and
 * sign with the older one. */
#ifndef KEYS_SRS_H
#define KEYS_SRS_H

#include "store/store.h"

enum { KEYS_SRS_SIZE = 32, KEYS_SRS_MAX = 16 };

/* All that are there, KEYS_SRS_MAX at most, in the arena; the first one signs. When there are none
 * one is made if `make`. Any thread. */
int keys_srs_secrets(struct store *store, bool make, struct arena *arena, struct slice **ret_list,
	size_t *ret_count, struct err *err) WARN_UNUSED;

#endif
