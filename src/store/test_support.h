/* What the store's tests share: a store on the memory driver (compiled with STORE_TEST_POSTGRES: on
 * the postgres driver, with a server of its own), and short ways to make things. */
#ifndef STORE_TEST_SUPPORT_H
#define STORE_TEST_SUPPORT_H

#include "store/store.h"

#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

struct fixture {
	struct store *store;
	struct id account, inbox;
	struct arena arena;
	struct err err;
};

static inline struct store *open_store(const struct store_driver *driver)
{
	struct store_options options = {.driver = driver};
	struct store *store = NULL;
	struct err err;
	done(store_open(&options, &store, &err));
	return store;
}

#ifdef STORE_TEST_POSTGRES
#include "store/drivers/postgres/test_server.h"

static inline struct store *open_store_of_test(void)
{
	char database[TEST_DATABASE];
	test_server_database(database);
	struct store_options options = {.driver = &store_driver_postgres,
		.driver_options = {.database = database, .no_sync = true}};
	struct store *store = NULL;
	struct err err;
	done(store_open(&options, &store, &err));
	return store;
}
#else
static inline struct store *open_store_of_test(void)
{
	return open_store(&store_driver_memory);
}
#endif

static inline struct id make_collection(struct store *store, struct id account, const char *name)
{
	struct store_write *w = NULL;
	struct store_collection *c = NULL;
	struct err err;
	done(store_write_begin(store, &account, 1, &w, &err));
	done(store_write_collection_new(
		w, account, STORE_MAILBOX, slice_str(name), SLICE_NONE, &c, &err));
	struct id id = c->id;
	done(store_write_commit(w, &err));
	return id;
}

/* One message into one collection, in a write of its own; returns its number. */
static inline uint32_t deliver(
	struct store *store, struct id account, struct id collection, const char *body)
{
	struct store_write *w = NULL;
	struct store_collection *c = NULL;
	struct store_object o = {.flags = STORE_COUNTED, .data = SLICE("flags")};
	struct err err;
	done(store_write_begin(store, &account, 1, &w, &err));
	done(store_write_collection(w, account, collection, &c, &err));
	o.blob = store_write_blob(w, slice_str(body));
	done(store_write_object_new(w, c, &o, SLICE("facet"), &err));
	done(store_write_commit(w, &err));
	return o.number;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->store = open_store_of_test();
	f->account = id_new();
	f->inbox = make_collection(f->store, f->account, "INBOX");
	*state = f;
	return 0;
}

static inline void print_finding(void *context, const struct store_finding *finding)
{
	print_message("%s: %s\n", finding->object, finding->text);
	*(unsigned *)context += 1;
}

/* Released blobs go; the memory driver does that in the commit. What nobody released stays, and the
 * check finds it. */
static inline void drop_released(struct store *store)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(store, &db);
	uint64_t freed;
	struct err err;
	if (driver->shared)
		done(driver->compact(db, false, NULL, NULL, &freed, &err));
}

static inline void assert_clean(struct store *store)
{
	drop_released(store);
	unsigned findings = 0;
	struct err err = {0};
	done(store_check(store, print_finding, NULL, &findings, &err));
	assert_int_equal(findings, 0);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	assert_clean(f->store);
	store_close(f->store);
	arena_free(&f->arena);
	free(f);
	return 0;
}

#endif
