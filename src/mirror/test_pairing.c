/* The key's line, what is derived from it, and a node that is told to be one of a pair: again, by
 * another line, and when it is paired already. Nothing is served here. */
#include "mirror/node.h"
#include "mirror/pairing.h"

#include "base/alloc.h"
#include "base/test.h"

#include <stdlib.h>
#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

static const struct store_merge_rule NO_RULES[] = {{0}};
static const char LABEL[] = "rookery mirror mx";

struct fixture {
	char folder[64];
	struct mirror_node *node;
	struct store *store;
};

static int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	struct err err;
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/rookery-pairing-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	struct mirror_node_options options = {.folder = f->folder,
		.inner = &store_driver_memory,
		.rules = NO_RULES,
		.listen = "127.0.0.1:7626",
		.version = "test"};
	done(mirror_node_open(&options, &f->node, &err));
	struct store_options store = {.driver = &mirror_driver, .db = mirror_node_db(f->node)};
	done(store_open(&store, &f->store, &err));
	mirror_node_attach(f->node, f->store);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;
	store_close(f->store);
	mirror_node_free(f->node);
	done(mirror_pairing_remove(f->folder, &err));
	(void)rmdir(f->folder);
	free(f);
	return 0;
}

static int pair(struct fixture *f, struct mirror_pair_options options, struct buf *ret_key)
{
	struct err err;
	int r = mirror_node_pair(f->node, &options, ret_key, &err);
	return r < 0 ? -(int)err.kind : r;
}

/* Of the pairing that is on the disk. */
static struct mirror_pairing kept(struct fixture *f)
{
	struct mirror_pairing pairing;
	struct err err;
	done(mirror_pairing_load(f->folder, &pairing, &err));
	return pairing;
}

static void assert_same_pair(const struct mirror_pairing *a, const struct mirror_pairing *b)
{
	assert_true(id_eq(a->cluster, b->cluster));
	assert_memory_equal(a->key, b->key, MIRROR_KEY_SIZE);
}

static struct mirror_pairing derived(struct slice line)
{
	struct mirror_pairing pairing;
	struct err err;
	done(mirror_pairing_from_text(line, &pairing, &err));
	done(mirror_pairing_derive(&pairing, LABEL, &err));
	return pairing;
}

/* The bytes are those that Python's hmac gives by RFC 5869. */
static void what_is_derived_stays_what_it_is(void **state)
{
	static const unsigned char CLUSTER[ID_SIZE] = {0xc7, 0xeb, 0x67, 0xa1, 0xcc, 0x31, 0x06,
		0x48, 0xb8, 0xf1, 0xfe, 0xf4, 0xd7, 0x44, 0xd3, 0x3a};
	static const unsigned char KEY[MIRROR_KEY_SIZE] = {0xa5, 0xe1, 0xce, 0xe7, 0x5d, 0x75, 0x95,
		0x6b, 0x9a, 0xa9, 0x20, 0x74, 0xa2, 0xa4, 0x51, 0x92, 0x88, 0x42, 0x57, 0x60, 0xda,
		0x82, 0x20, 0x44, 0xcd, 0xc1, 0x3b, 0xda, 0xa3, 0xdd, 0xd2, 0x37};
	struct mirror_pairing p = {.is_first = true, .node = id_new(), .peer = "b"}, before;
	struct err err;
	for (unsigned i = 0; i < ID_SIZE; i++)
		p.cluster.bytes[i] = (uint8_t)i;
	for (unsigned i = 0; i < MIRROR_KEY_SIZE; i++)
		p.key[i] = (char)(32 + i);
	before = p;
	done(mirror_pairing_derive(&p, LABEL, &err));
	assert_memory_equal(p.cluster.bytes, CLUSTER, ID_SIZE);
	assert_memory_equal(p.key, KEY, MIRROR_KEY_SIZE);
	assert_true(p.is_first && id_eq(p.node, before.node));
	assert_string_equal(p.peer, "b");
	done(mirror_pairing_derive(&before, "another label", &err));
	assert_memory_not_equal(before.key, KEY, MIRROR_KEY_SIZE);
	assert_memory_not_equal(before.cluster.bytes, CLUSTER, ID_SIZE);
}

static void both_sides_derive_the_same_from_a_line(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf line = BUF(1000);
	done(pair(f, (struct mirror_pair_options){.peer = "b:7626", .label = LABEL}, &line));
	struct mirror_pairing here = kept(f), there = derived(buf_slice(&line));
	assert_same_pair(&here, &there);
	assert_true(here.is_first);
	assert_string_equal(here.peer, "b:7626");
}

static void a_line_that_was_made_here_makes_the_first_node(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf line = BUF(1000), none = BUF(1000);
	struct mirror_pairing store;
	struct err err;
	mirror_pairing_make(&store);
	mirror_pairing_add_text(&store, &line);
	for (int made_here = 0; made_here < 2; made_here++) {
		done(pair(f,
			(struct mirror_pair_options){.peer = "b",
				.key = buf_slice(&line),
				.label = LABEL,
				.made_here = made_here},
			&none));
		struct mirror_pairing here = kept(f), there = derived(buf_slice(&line));
		assert_same_pair(&here, &there);
		assert_int_equal(here.is_first, made_here);
		assert_int_equal(none.len, 0);
		done(mirror_node_unpair(f->node, &err));
	}
}

static void who_is_paired_so_already_says_so(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf line = BUF(1000), again = BUF(1000), other = BUF(1000);
	struct mirror_pairing another;
	mirror_pairing_make(&another);
	mirror_pairing_add_text(&another, &other);
	done(pair(f, (struct mirror_pair_options){.peer = "b"}, &line));
	struct mirror_pairing before = kept(f);
	struct mirror_pair_options same[] = {{.peer = "b"}, {.peer = "b", .key = buf_slice(&line)}};
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		assert_int_equal(pair(f, same[i], &again), MIRROR_PAIRED_ALREADY);
	assert_true(slice_eq(buf_slice(&again), buf_slice(&line))); /* told where none was given */
	struct mirror_pair_options others[] = {{.peer = "c"}, {.peer = "b:7625"},
		{.peer = "c", .key = buf_slice(&line)}, {.peer = "b", .key = buf_slice(&other)},
		{.peer = "b", .key = buf_slice(&line), .label = LABEL},
		{.peer = "b", .label = LABEL}};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(pair(f, others[i], &again), -(int)ERR_EXISTS);
	assert_int_equal(
		pair(f, (struct mirror_pair_options){.peer = "b", .key = SLICE("x")}, &again),
		-(int)ERR_BAD_INPUT);
	assert_int_equal(again.len, line.len);
	struct mirror_pairing after = kept(f);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void who_is_paired_by_the_derived_key_says_so(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf line = BUF(1000), none = BUF(1000);
	done(pair(f, (struct mirror_pair_options){.peer = "b", .label = LABEL}, &line));
	struct mirror_pair_options same = {
		.peer = "b", .key = buf_slice(&line), .label = LABEL, .made_here = true};
	assert_int_equal(pair(f, same, &none), MIRROR_PAIRED_ALREADY);
	same.label = NULL;
	assert_int_equal(pair(f, same, &none), -(int)ERR_EXISTS);
	/* the line can't be told from what was derived of it */
	assert_int_equal(pair(f, (struct mirror_pair_options){.peer = "b", .label = LABEL}, &none),
		-(int)ERR_EXISTS);
	assert_int_equal(none.len, 0);
}

static void who_replaces_takes_the_line_it_is_given(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf line = BUF(1000), none = BUF(1000);
	struct mirror_pairing store;
	struct err err;
	mirror_pairing_make(&store);
	mirror_pairing_add_text(&store, &line);
	struct mirror_pair_options options = {.key = buf_slice(&line), .label = LABEL};
	assert_true(mirror_node_replace(f->node, &options, &none, &err) < 0);
	assert_int_equal(err.kind, ERR_ABSENT);
	AUTO(buf_free) struct buf ignored = BUF(1000);
	done(pair(f, (struct mirror_pair_options){.peer = "b", .label = LABEL}, &ignored));
	struct mirror_pairing before = kept(f);
	done(mirror_node_replace(f->node, &options, &none, &err));
	struct mirror_pairing here = kept(f), there = derived(buf_slice(&line));
	assert_same_pair(&here, &there);
	assert_true(here.is_first && id_eq(here.node, before.node) && id_is_none(here.other));
	assert_string_equal(here.peer, "b");
	options.peer = "c";
	done(mirror_node_replace(f->node, &options, &none, &err));
	here = kept(f);
	assert_string_equal(here.peer, "c");
	assert_int_equal(none.len, 0);
}

static void the_next_port_is_that_of_an_address_that_names_one(void **state)
{
	static const char *const PAIRS[][2] = {{"b.example.org", "b.example.org"},
		{"b.example.org:7625", "b.example.org:7626"}, {"192.0.2.1:9999", "192.0.2.1:10000"},
		{"2001:db8::1", "2001:db8::1"}, {"[2001:db8::1]", "[2001:db8::1]"},
		{"[2001:db8::1]:1024", "[2001:db8::1]:1025"}, {"b:65534", "b:65535"}};
	static const char *const BAD[] = {
		"", ":", "b:", "b:0", "b:65535", "b:65536", "[::1", "b:x"};
	char peer[256];
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
		done(mirror_next_port(PAIRS[i][0], peer, &err));
		assert_string_equal(peer, PAIRS[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		assert_true(mirror_next_port(BAD[i], peer, &err) < 0);
		assert_int_equal(err.kind, ERR_BAD_INPUT);
	}
}

static void bad_keys_and_addresses_are_refused(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf line = BUF(1000), none = BUF(1000);
	struct mirror_pairing other;
	struct err err;
	static const char *const ADDRESSES[] = {
		"", ":", "host:", "host:0", "host:70000", "[::1", "[::1]7625", "host:port"};
	for (size_t i = 0; i < ARRAY_LEN(ADDRESSES); i++)
		assert_int_equal(pair(f, (struct mirror_pair_options){.peer = ADDRESSES[i]}, &none),
			-(int)ERR_BAD_INPUT);
	mirror_pairing_make(&other);
	mirror_pairing_add_text(&other, &line);
	line.data[20] ^= 1;
	struct mirror_pair_options options = {.peer = "a", .key = buf_slice(&line)};
	assert_true(mirror_node_pair(f->node, &options, &none, &err) < 0);
	assert_non_null(strstr(err.text, "slip"));
	options.key = SLICE("secret");
	assert_int_equal(pair(f, options, &none), -(int)ERR_BAD_INPUT);
	assert_true(mirror_node_unpair(f->node, &err) < 0);
	assert_true(mirror_node_pause(f->node, true, &err) < 0);
	done(pair(f, (struct mirror_pair_options){.peer = "[::1]:7625"}, &none));
}

int main(void)
{
#define PAIRING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_derived_stays_what_it_is),
		PAIRING_TEST(both_sides_derive_the_same_from_a_line),
		PAIRING_TEST(a_line_that_was_made_here_makes_the_first_node),
		PAIRING_TEST(who_is_paired_so_already_says_so),
		PAIRING_TEST(who_is_paired_by_the_derived_key_says_so),
		PAIRING_TEST(who_replaces_takes_the_line_it_is_given),
		cmocka_unit_test(the_next_port_is_that_of_an_address_that_names_one),
		PAIRING_TEST(bad_keys_and_addresses_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
