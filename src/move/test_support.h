/* What the tests of this folder share: a node on the memory driver with an internal directory, and
 * ann@example.org, who has mail. */
#ifndef MOVE_TEST_SUPPORT_H
#define MOVE_TEST_SUPPORT_H

#include "base/alloc.h"
#include "directory/admin.h"
#include "directory/internal.h"
#include "move/node_internal.h"
#include "store/test_support.h"

#define USER       SLICE("ann@example.org")
#define BIT(state) (1U << (state))

struct side {
	struct store *store;
	struct directory *directory;
	struct move_marks *marks;
	struct move_node *node;
	struct directory_sessions *sessions;
	atomic_bool stopping;
};

static inline void side_open(struct side *s)
{
	struct err err;
	*s = (struct side){.store = open_store(&store_driver_memory)};
	const struct directory_internal_options options = {.store = s->store,
		.cost = {.argon2_kib = 8, .argon2_passes = 1, .scram_iterations = 4096}};
	done(directory_internal_new(&options, &s->directory, &err));
	done(directory_domain_add(s->directory, SLICE("example.org"), NULL, &err));
	done(move_marks_open(s->store, &s->marks, &err));
	s->sessions = directory_sessions_new();
	const struct move_options move = {.store = s->store,
		.marks = s->marks,
		.directory = s->directory,
		.internal = true,
		.sessions = s->sessions,
		.secret = "sixteen letters!",
		.authorities = "",
		.stopping = &s->stopping};
	s->node = move_node_new(&move);
}

static inline void side_close(struct side *s)
{
	move_node_free(s->node);
	move_marks_close(s->marks);
	directory_sessions_free(s->sessions);
	directory_free(s->directory);
	assert_clean(s->store);
	store_close(s->store);
}

/* With a mailbox and some mail. */
static inline struct id side_add_user(struct side *s)
{
	struct err err;
	struct id account;
	done(directory_user_add(s->directory, USER, SLICE("secret"), NULL, &account, &err));
	struct id inbox = make_collection(s->store, account, "INBOX");
	for (int i = 0; i < 5; i++)
		(void)deliver(s->store, account, inbox, i % 2 ? "a body" : "another body");
	return account;
}

static inline enum move_state side_state(struct side *s, struct id account)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct move_mark mark;
	struct err err;
	int r = move_marks_get(s->marks, account, &arena, &mark, &err);
	assert_true(r >= 0);
	return r == 0 ? mark.state : MOVE_NONE;
}

static inline int side_try_write(struct side *s, struct id account, struct err *err)
{
	struct store_write *w;
	int r = store_write_begin(s->store, &account, 1, &w, err);
	if (r == 0)
		store_write_abort(w);
	return r;
}

#endif
