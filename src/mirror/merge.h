/* Two states of one account become one; pure. docs/mirror.md has the rules. Everything is known by
 * its id; where the two differ, the result has a change number above both, so that clients of
 * either hear of it. The same comes out whichever side is called the first, but that the first
 * one's new numbers come before the second one's. */
#ifndef MIRROR_MERGE_H
#define MIRROR_MERGE_H

#include "mirror/alone.h"
#include "mirror/model.h"
#include "store/merge_rule.h"

struct merge_side {
	const struct model *model;
	/* What the node noted while it was alone: rows of KEY_BASE, sorted. */
	const struct mirror_rows *notes;
	/* Up to this change number the other one is made of it: it took a merge that this one never
	 * heard of. 0: there is no such merge. */
	uint64_t taken;
};

/* Before a merge of a side that never heard of the last one (`taken`), when the other one has: what
 * that joined is joined in `here` too, and in copies of its notes. */
void mirror_follow_joins(
	const struct model *there, struct model *here, struct mirror_rows *here_notes);

/* Before a merge of sides of which one may have been damaged (its rows do not add up to its
 * digests): what it lacks and does not know to be gone it gets from the other one. So nothing that
 * was lost is taken for deleted. */
void mirror_fill_gaps(struct model *first, struct model *second);

/* `rules` end with kind 0. The result points into both sides. */
int mirror_merge(const struct merge_side *first, const struct merge_side *second,
	const struct store_merge_rule *rules, struct model *ret_model, struct err *err) WARN_UNUSED;

#endif
