/* Two nodes in one process, for tests: each a store on a mirror on the memory driver, with a
 * link between them and a wire for its bytes. */
#ifndef MIRROR_TEST_PAIR_H
#define MIRROR_TEST_PAIR_H

#include "mirror/mirror.h"

enum { PAIR_NODES = 2, PAIR_WORKERS = 3 };

struct pair_node {
	struct mirror *mirror;
	struct store *store;
	atomic_uint differed; /* how often it was told that the other disk has something else */
};

struct pair;

/* Alone, both of them. */
struct pair *pair_new(void);
void pair_free(struct pair *pair);
struct pair_node *pair_node(struct pair *pair, size_t number);
/* They hold the same. */
void pair_link(struct pair *pair);
void pair_cut(struct pair *pair);
/* The other node refuses commits from now on, as if its disk were full. */
void pair_refuse(struct pair *pair, size_t number, bool refuse);
/* The other node's commits wait here. */
void pair_stall(struct pair *pair, size_t number, bool stall);
/* Fails the test when a row or a blob is on one side only, or differs. */
void pair_assert_equal(struct pair *pair);
void stores_assert_equal(struct store *a, struct store *b);

#endif
