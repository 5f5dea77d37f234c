/* What becomes of mail when two nodes that were apart are merged (docs/mirror.md).
 *
 * Of a message that both sides changed, each flag and each keyword is merged by itself: what a side
 * changed holds. Both can only have changed it to the same, since it is there or not; when nobody
 * knows how it was, it was absent. Keywords are names in the message's own row, so there is no
 * table to merge. All else about the message is as at the side that changed it later.
 *
 * When that makes more than MAIL_KEYWORDS_MAX keywords, those of the later side stay, and of the
 * other one's as many as fit, in the order of their names.
 *
 * Subscriptions follow mailboxes: when both sides renamed one, or one side renamed what the other
 * subscribed to, the name that holds is the one that is subscribed to.
 *
 * A mailbox's counters follow from its messages: they are counted anew. When two mailboxes become
 * one, UIDVALIDITY grows unless it was the larger one: at the other side the UIDs have meant
 * something else. One that is revived gets a larger one too. What is given is above all that the
 * account ever had. */
#ifndef MAIL_MERGE_H
#define MAIL_MERGE_H

#include "store/merge_rule.h"

/* Ended by kind 0. */
extern const struct store_merge_rule mail_merge_rules[];

#endif
