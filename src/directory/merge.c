/* Rules of merging: nothing to run. */
#include "directory/merge.h"

const struct store_merge_rule directory_merge_rules[] = {
	{.kind = STORE_DOMAINS, .later_only = true},
	{.kind = STORE_USERS, .later_only = true},
	{.kind = STORE_ALIASES, .later_only = true},
	{0},
};
