/* One account at two nodes that go apart, write what they like, and are merged as settling does it.
 * Merging checks by itself what must hold whatever they wrote: nothing is lost, nothing comes back,
 * no number names two things, every bit that a side changed holds, counters agree with what is
 * there, clients are told of all that differs, and both are equal. */
#ifndef MIRROR_TEST_APART_H
#define MIRROR_TEST_APART_H

#include "mirror/model.h"
#include "mirror/test_pair.h"

#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

struct apart {
	struct pair *pair;
	struct id account;
	unsigned seed;
	struct mirror_rows common_rows;
	struct model common; /* when they parted */
	struct err err;
};

/* To be linked by the caller, and freed by pair_free(). */
struct apart apart_new(unsigned seed);
void apart_part(struct apart *s);
void apart_meet(struct apart *s);
struct store *apart_store(struct apart *s, size_t node);
/* 0 to of - 1. */
unsigned apart_chance(struct apart *s, unsigned of);

/* Collections of test_box.h. */
struct box;
void box_make(struct apart *s, size_t node, const char *name, unsigned bits);
/* At the first node. False when there is none of that name. */
bool box_find(struct apart *s, const char *name, struct box *ret_box, uint64_t *ret_count);
/* A write a second after the one before, at whichever node. */
struct store_collection *box_begin_later(
	struct apart *s, size_t node, const char *name, struct store_write **ret_write);
/* A new object, with any flags. */
void box_add(struct apart *s, struct store_write *w, struct store_collection *c);
/* The object goes to another collection, or to its own. */
void box_move(struct apart *s, struct store_write *w, struct store_collection *from,
	struct store_collection *to, const struct store_object *object);
/* The collection counts what has become of an object's flags. */
void box_recount(struct store_write *w, struct store_collection *c, unsigned had, unsigned has,
	unsigned bits);

#endif
