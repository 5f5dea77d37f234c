/* Secrets are made once, kept, and in one order wherever they are. */
#include "keys/srs.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

struct fixture {
	struct store *store;
	struct arena arena;
	struct slice *list;
	size_t count;
	struct err err;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct store_options store = {.driver = &store_driver_memory};
	f = (struct fixture){0};
	done(store_open(&store, &f.store, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	arena_free(&f->arena);
	clock_fake(-1, -1);
	return 0;
}

static void read_them(struct fixture *f, bool make)
{
	done(keys_srs_secrets(f->store, make, &f->arena, &f->list, &f->count, &f->err));
}

static void one_is_made_when_it_is_needed(void **state)
{
	struct fixture *f = *state;
	read_them(f, false);
	assert_int_equal(f->count, 0);
	read_them(f, true);
	assert_int_equal(f->count, 1);
	struct slice made = f->list[0];
	assert_int_equal(made.len, KEYS_SRS_SIZE);
	read_them(f, true);
	assert_int_equal(f->count, 1);
	assert_true(slice_eq(f->list[0], made));
}

/* As the other node of a mirror has made it before they met. */
static void put(struct fixture *f, uint64_t created, const char *name, char byte)
{
	AUTO(buf_free) struct buf row = BUF(64);
	const struct id account = STORE_SYSTEM_ACCOUNT;
	struct store_write *write;
	struct store_collection *c;
	buf_add_byte(&row, 1);
	bytes_add_varint(&row, created);
	for (size_t i = 0; i < KEYS_SRS_SIZE; i++)
		buf_add_byte(&row, byte);
	struct store_object object = {.name = slice_str(name), .data = buf_slice(&row)};
	done(store_write_begin(f->store, &account, 1, &write, &f->err));
	done(store_write_find_collection(write, account, STORE_SRS, SLICE("srs"), &c, &f->err));
	done(store_write_object_new(write, c, &object, SLICE_NONE, &f->err));
	done(store_write_commit(write, &f->err));
}

static void the_oldest_one_signs(void **state)
{
	struct fixture *f = *state;
	clock_fake(5000 * 1000, 5000 * 1000);
	read_them(f, true);
	put(f, 4000, "b", 'b');
	put(f, 4000, "a", 'a');
	put(f, 6000, "c", 'c');
	read_them(f, true);
	assert_int_equal(f->count, 4);
	assert_int_equal(f->list[0].ptr[0], 'a');
	assert_int_equal(f->list[1].ptr[0], 'b');
	assert_int_equal(f->list[3].ptr[0], 'c');
}

int main(void)
{
#define SRS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SRS_TEST(one_is_made_when_it_is_needed),
		SRS_TEST(the_oldest_one_signs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
