/* What a kind has to say when two states of one account become one (mirror/merge.h): registered by
 * the floor that gives the kind its meaning, run by the mirror, which knows none.
 *
 * Pure functions of rows. `to` is the result: at first what holds without a rule. A rule may change
 * what stands beside it, with slices into `arena`, and nothing else. But for join(), the same must
 * come out when first and second change places. Rows may be damaged: then `to` stays as it is. */
#ifndef STORE_MERGE_RULE_H
#define STORE_MERGE_RULE_H

#include "store/store.h"

/* A table of them ends with kind 0. Functions may be NULL. */
struct store_merge_rule {
	enum store_kind kind; /* of collections, and of what is in them */
	/* Of a named object that both sides changed the later one holds, and that is all. Else,
	 * and without merge(), the other one stays as a copy beside it, "NAME (conflict ID)". */
	bool later_only;
	/* Objects of that kind are named as collections of this one. When one is called otherwise
	 * than a side called it, names that only this side has given follow. 0: none. */
	enum store_kind names_in;
	/* An object that both sides changed, each in its way; `was` is NULL when nobody knows.
	 * `to` is the later of the two. May change ->data. */
	void (*merge)(const struct store_object *was, const struct store_object *first,
		const struct store_object *second, struct arena *arena, struct store_object *to);
	/* A collection whose data both sides changed. `to` has the data of the later; its objects
	 * are not merged yet. May change ->data. */
	void (*merge_collection)(const struct store_collection *was,
		const struct store_collection *first, const struct store_collection *second,
		struct arena *arena, struct store_collection *to);
	/* Two collections got one name: `to` is the older one, which stays, and the objects of
	 * `other` come into it under new numbers. May change ->data. */
	void (*join)(const struct store_collection *other, struct arena *arena,
		struct store_collection *to);
	/* A collection that one side deleted, after it may have given out numbers in it that nobody
	 * knows any more, lives on with what came into it at the other. May change ->data. */
	void (*revive)(struct arena *arena, struct store_collection *to);
	/* A collection whose objects are other ones than a side had: what its data says about them
	 * is to be made anew. `objects` are all of them. May change ->data. */
	void (*count)(const struct store_object *const *objects, size_t count, struct arena *arena,
		struct store_collection *to);
	/* All collections of the account as it will be, of any kind, by id: what must be right
	 * among them. May change ->data, and take numbers (->next_number): odd ones, see
	 * docs/mirror.md. Called once, last. */
	void (*complete)(struct store_collection *const *all, size_t count, struct arena *arena);
};

#endif
