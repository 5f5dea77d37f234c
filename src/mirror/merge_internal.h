/* What the files of merging share. */
#ifndef MIRROR_MERGE_INTERNAL_H
#define MIRROR_MERGE_INTERNAL_H

#include "mirror/ids.h"
#include "mirror/merge.h"

enum { MERGE_SIDES = 2 };

struct merge {
	struct merge_side sides[MERGE_SIDES];
	struct mirror_parted parted[MERGE_SIDES];    /* change 0: nothing was noted */
	const struct model_gone **gone[MERGE_SIDES]; /* collections', by id */
	const struct store_merge_rule *rules;
	struct id account;
	uint64_t change;                        /* of all that differs */
	struct merge_moves *moves;              /* of each side; NULL: nothing was ever moved */
	struct mirror_ids deleted[MERGE_SIDES]; /* objects; merge_deleted.c */
	struct model *to;
};

/* The rule of a kind, or one without functions. */
const struct store_merge_rule *merge_rule_of(const struct merge *m, enum store_kind kind);
/* What a side noted of a collection (number 0) or an object. False: nothing. */
bool merge_noted(const struct merge *m, size_t side, struct id collection, uint32_t number,
	struct mirror_was *ret_was);
/* A number for an object that gets a new one: odd, of the second node's kind. That one commits what
 * has become of the account first, so should the first one not hear of it, it never gives out the
 * same while apart. */
static inline uint32_t merge_number(struct store_collection *to)
{
	uint32_t number = to->next_number | 1;
	to->next_number = number + 1;
	return number;
}
/* An object of `kind` that only `side` has and the other one never had under this id. False: it was
 * moved, and goes. Else the object gets what the other side changed of what it was. */
bool merge_take_moved(
	struct merge *m, size_t side, enum store_kind kind, struct model_object *object);
/* Objects that a side deleted with, or before, the collection that they were in: ->deleted. */
void merge_deleted_init(struct merge *m);
void merge_deleted_deinit(struct merge *m);
void merge_moves_init(struct merge *m);
void merge_moves_deinit(struct merge *m);
/* The objects and tombstones of a collection that both sides have, or one of them only. */
void merge_objects(struct merge *m, const struct model_collection *const from[MERGE_SIDES],
	struct model_collection *to);

/* merge_sound.c. True: neither side wrote apart, and one of them is damaged; the result is what the
 * other one has, under the numbers that it has there. */
WARN_UNUSED bool merge_take_sound(
	const struct merge_side *first, const struct merge_side *second, struct model *ret_model);
/* merge_names.c: names of objects. Those that follow a collection's name (names_in) get the one
 * that holds. */
void merge_follow_names(struct merge *m);
/* Of two objects with one name the older keeps it. */
void merge_part_names(struct merge *m, struct model_collection *c);
/* `other` is what one side made of an object that is now as the other side has it. False: there
 * need be no copy of that; else the number is to be given to it. */
bool merge_make_copy(struct merge *m, enum store_kind kind, const struct model_object *holds,
	const struct model_object *other, struct model_object *ret_copy);
bool merge_lives_at(const struct merge *m, size_t side, struct id object);

#endif
