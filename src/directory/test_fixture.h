/* For the tests of this folder: an internal directory on the memory driver, cheap hashes, with the
 * domain example.org and ann@example.org ("secret"). */
#ifndef DIRECTORY_TEST_FIXTURE_H
#define DIRECTORY_TEST_FIXTURE_H

#include "base/alloc.h"
#include "base/test.h"
#include "directory/admin.h"
#include "directory/internal.h"

struct fixture {
	struct store *store;
	struct directory *directory;
	struct arena arena;
	struct err err;
	struct id ann;
};

#define OK(call)                                                                                   \
	do {                                                                                       \
		int ok_ = (call);                                                                  \
		if (ok_ != 0)                                                                      \
			fail_msg("%s: %d, %s", #call, ok_, f->err.text);                           \
	} while (0)
/* A refusal of this kind. */
#define REFUSED(call, wanted)                                                                      \
	do {                                                                                       \
		f->err = (struct err){0};                                                          \
		assert_true((call) < 0);                                                           \
		assert_int_equal(f->err.class, ERR_PERMANENT);                                     \
		assert_int_equal(f->err.kind, (wanted));                                           \
	} while (0)

static inline void fixture_directory(struct fixture *f, unsigned remember_seconds)
{
	const struct directory_internal_options options = {
		.store = f->store,
		.plus_separator = '+',
		.cost = {.argon2_kib = 8, .argon2_passes = 1, .scram_iterations = 4096},
		.remember_seconds = remember_seconds,
		.quota_messages = 777,
	};
	OK(directory_internal_new(&options, &f->directory, &f->err));
}

static inline int fixture_open(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	const struct store_options options = {.driver = &store_driver_memory};
	*state = f;
	OK(store_open(&options, &f->store, &f->err));
	fixture_directory(f, 0);
	OK(directory_domain_add(f->directory, SLICE("example.org"), NULL, &f->err));
	OK(directory_user_add(
		f->directory, SLICE("ann@example.org"), SLICE("secret"), NULL, &f->ann, &f->err));
	return 0;
}

static inline int fixture_close(void **state)
{
	struct fixture *f = *state;
	directory_free(f->directory);
	store_close(f->store);
	arena_free(&f->arena);
	free(f);
	return 0;
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

static inline void fixture_user(struct fixture *f, const char *address)
{
	OK(directory_user_add(
		f->directory, slice_str(address), SLICE("secret"), NULL, NULL, &f->err));
}

static inline void fixture_alias(struct fixture *f, const char *address, const char *target)
{
	struct slice targets[] = {slice_str(target)};
	OK(directory_alias_add(f->directory, slice_str(address), targets, 1, &f->err));
}

static inline int fixture_lookup(
	struct fixture *f, const char *address, struct directory_route *ret_route)
{
	f->err = (struct err){0};
	return directory_lookup(f->directory, slice_str(address), &f->arena, ret_route, &f->err);
}

static inline int fixture_check(
	struct fixture *f, const char *user, const char *password, enum directory_service service)
{
	struct directory_user got;
	f->err = (struct err){0};
	return directory_check(f->directory, slice_str(user), slice_str(password),
		SLICE("192.0.2.1"), service, &f->arena, &got, &f->err);
}

#endif
