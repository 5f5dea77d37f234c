/* What becomes of domains, users and aliases that both nodes of a mirror changed while they were
 * apart: of each the later one. A copy of the other one would be a user or an alias of its own,
 * under a name that is no address. */
#ifndef DIRECTORY_MERGE_H
#define DIRECTORY_MERGE_H

#include "store/merge_rule.h"

/* Ended by kind 0. */
extern const struct store_merge_rule directory_merge_rules[];

#endif
