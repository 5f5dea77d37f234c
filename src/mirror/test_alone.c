/* What is noted while the other node is away, and that nothing is while it is there. */
#include "mirror/alone.h"
#include "mirror/test_pair.h"

#include "base/test.h"
#include "store/key.h"
#include "store/row.h"

#define done(call) assert_int_equal((call), 0)

struct fixture {
	struct pair *pair;
	struct store *store;
	struct id account, inbox;
	struct err err;
};

static uint32_t deliver(struct fixture *f)
{
	struct store_write *w;
	struct store_collection *c;
	struct store_object o = {.data = SLICE("as delivered")};
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &c, &f->err));
	done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	done(store_write_commit(w, &f->err));
	return o.number;
}

static void change(struct fixture *f, uint32_t number, const char *data)
{
	struct store_write *w;
	struct store_collection *c;
	struct store_object o;
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &c, &f->err));
	done(store_write_get_object(w, c, number, &o, &f->err));
	o.data = slice_str(data);
	if (*data)
		done(store_write_object(w, c, &o, SLICE_NONE, &f->err));
	else
		done(store_write_object_gone(w, c, &o, &f->err));
	done(store_write_commit(w, &f->err));
}

static void make_inbox(struct fixture *f)
{
	struct store_write *w;
	struct store_collection *c;
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection_new(
		w, f->account, STORE_MAILBOX, SLICE("INBOX"), SLICE_NONE, &c, &f->err));
	f->inbox = c->id;
	done(store_write_commit(w, &f->err));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->pair = pair_new();
	f->store = pair_node(f->pair, 0)->store;
	f->account = id_new();
	pair_link(f->pair);
	make_inbox(f);
	assert_int_equal(deliver(f), 1);
	assert_int_equal(deliver(f), 2);
	*state = f;
	return 0;
}

static void fail_finding(void *context, const struct store_finding *finding)
{
	print_message("%s: %s\n", finding->object, finding->text);
	fail();
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	done(store_check(f->store, fail_finding, NULL, NULL, &f->err));
	pair_free(f->pair);
	free(f);
	return 0;
}

/* STORE_ABSENT or 0. */
static int read_row(struct fixture *f, const struct key *key, struct buf *row)
{
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	buf_clear(row);
	int r = driver->get(db, NULL, key_slice(key), row, &f->err);
	assert_true(r >= 0);
	return r;
}

static bool count_row(void *context, struct slice key, struct slice value)
{
	++*(unsigned *)context;
	return true;
}

static unsigned notes(struct fixture *f)
{
	struct store_db *db;
	struct key from, to;
	unsigned count = 0;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	key_of_account(&from, KEY_BASE, f->account);
	to = from;
	key_to_end(&to);
	done(driver->scan(
		db, NULL, key_slice(&from), key_slice(&to), false, count_row, &count, &f->err));
	return count;
}

static void nothing_is_noted_while_linked(void **state)
{
	struct fixture *f = *state;
	change(f, 1, "changed");
	assert_int_equal(notes(f), 0);
}

static void an_object_is_kept_as_it_was_when_they_parted(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct mirror_parted parted;
	struct mirror_was first, second;
	struct store_object object;
	struct key key;
	pair_cut(f->pair);
	change(f, 1, "changed");
	key_of_account(&key, KEY_BASE, f->account);
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_parted_read(buf_slice(&row), &parted));
	assert_int_equal(parted.change, 3); /* the mailbox, two messages */
	key_of_object(&key, KEY_BASE, f->account, f->inbox, 1);
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_was_read(buf_slice(&row), &first));
	assert_true(first.changed >= parted.since);
	mirror_time before = first.changed;
	change(f, 1, "changed again");
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_was_read(buf_slice(&row), &second));
	assert_true(second.changed > before);
	assert_true(row_get_object(second.row, &object));
	assert_true(slice_eq(object.data, SLICE("as delivered")));
	assert_int_equal(object.change, 2);
	key_of_account(&key, KEY_BASE, f->account);
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_parted_read(buf_slice(&row), &parted));
	assert_int_equal(parted.change, 3);
	/* account, mailbox, object */
	assert_int_equal(notes(f), 3);
}

static void what_is_gone_is_kept_and_what_is_new_is_not(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct mirror_was was;
	struct store_object object;
	struct key key;
	pair_cut(f->pair);
	change(f, 2, "");
	uint32_t fresh = deliver(f);
	change(f, fresh, "changed");
	key_of_object(&key, KEY_BASE, f->account, f->inbox, 2);
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_was_read(buf_slice(&row), &was));
	assert_true(row_get_object(was.row, &object));
	assert_int_equal(object.change, 3);
	key_of_object(&key, KEY_BASE, f->account, f->inbox, fresh);
	assert_int_equal(read_row(f, &key, &row), STORE_ABSENT);
}

/* As the first node notes it before it sends a merge. */
static void note_offer(struct fixture *f, uint64_t change, bool taken)
{
	AUTO(buf_free) struct buf row = BUF(64);
	struct store_db *db;
	struct store_txn *txn;
	struct store_batch batch;
	struct key key;
	const struct store_driver *driver = store_driver_of(f->store, &db);
	mirror_offer_add(&(struct mirror_offer){taken, id_new(), change}, &row);
	key_of_account(&key, KEY_OFFER, f->account);
	store_batch_init(&batch);
	store_batch_put(&batch, key_slice(&key), buf_slice(&row));
	done(driver->begin(db, &f->account, 1, &txn, &f->err));
	done(driver->commit(txn, &batch, NULL, 0, &f->err));
	store_batch_free(&batch);
}

static void assert_noted(struct fixture *f, enum key_tag tag, uint32_t number, const char *data)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct mirror_was was;
	struct store_object object;
	struct key key;
	key_of_object(&key, tag, f->account, f->inbox, number);
	int r = read_row(f, &key, &row);
	assert_int_equal(r, data ? 0 : STORE_ABSENT);
	if (!data)
		return;
	assert_true(mirror_was_read(buf_slice(&row), &was));
	assert_true(row_get_object(was.row, &object));
	assert_true(slice_eq(object.data, slice_str(data)));
}

static void since_a_merge_was_offered_what_was_then_is_kept_too(void **state)
{
	struct fixture *f = *state;
	pair_cut(f->pair);
	change(f, 1, "before");
	uint32_t third = deliver(f);
	note_offer(f, 5, false);
	change(f, 1, "after");
	change(f, 1, "long after");
	change(f, third, "after");
	uint32_t fourth = deliver(f);
	change(f, fourth, "after");
	assert_noted(f, KEY_BASE, 1, "as delivered");
	assert_noted(f, KEY_OFFER, 1, "before");
	assert_noted(f, KEY_BASE, third, NULL);
	assert_noted(f, KEY_OFFER, third, "as delivered");
	assert_noted(f, KEY_OFFER, 2, NULL);
	assert_noted(f, KEY_OFFER, fourth, NULL);
}

static void of_a_merge_that_was_taken_nothing_more_is_kept(void **state)
{
	struct fixture *f = *state;
	pair_cut(f->pair);
	note_offer(f, 3, true);
	change(f, 1, "after");
	assert_noted(f, KEY_BASE, 1, "as delivered");
	assert_noted(f, KEY_OFFER, 1, NULL);
}

static void offers_that_do_not_parse_are_told(void **state)
{
	AUTO(buf_free) struct buf row = BUF(64);
	struct mirror_offer offer = {true, id_new(), 300}, read;
	mirror_offer_add(&offer, &row);
	assert_true(mirror_offer_read(buf_slice(&row), &read));
	assert_true(read.taken && id_eq(read.merge, offer.merge));
	assert_int_equal(read.change, 300);
	for (size_t len = 0; len < row.len; len++)
		assert_false(mirror_offer_read(slice(row.data, len), &read));
	row.data[1] = 3;
	assert_false(mirror_offer_read(buf_slice(&row), &read));
}

static void a_mailbox_that_is_deleted_is_kept_and_its_objects_are_not(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct mirror_was was;
	struct store_write *w;
	struct store_collection *c, old;
	struct key key;
	pair_cut(f->pair);
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &c, &f->err));
	done(store_write_collection_gone(w, c, &f->err));
	done(store_write_commit(w, &f->err));
	key_of_collection(&key, KEY_BASE, f->account, f->inbox);
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_was_read(buf_slice(&row), &was));
	assert_true(row_get_collection(was.row, &old));
	assert_true(slice_eq(old.name, SLICE("INBOX")));
	/* account, mailbox */
	assert_int_equal(notes(f), 2);
}

/* Name, data or both are changed, `count` messages come; as one write. */
static void change_inbox(struct fixture *f, const char *name, const char *data, unsigned count)
{
	struct store_write *w;
	struct store_collection *c;
	struct store_object o = {.data = SLICE("as delivered")};
	done(store_write_begin(f->store, &f->account, 1, &w, &f->err));
	done(store_write_collection(w, f->account, f->inbox, &c, &f->err));
	while (count-- > 0)
		done(store_write_object_new(w, c, &o, SLICE_NONE, &f->err));
	c->name = slice_str(name);
	c->data = slice_str(data);
	store_write_collection_changed(w, c);
	done(store_write_commit(w, &f->err));
}

/* When the mailbox was changed last, as noted; what it was is as noted first. */
static mirror_time noted_time(struct fixture *f)
{
	AUTO(buf_free) struct buf row = BUF(ROW_MAX);
	struct mirror_was was;
	struct store_collection old;
	struct key key;
	key_of_collection(&key, KEY_BASE, f->account, f->inbox);
	assert_int_equal(read_row(f, &key, &row), 0);
	assert_true(mirror_was_read(buf_slice(&row), &was));
	assert_true(row_get_collection(was.row, &old));
	assert_slice(old.name, "INBOX");
	assert_int_equal(old.count, 2);
	return was.changed;
}

static void what_happens_in_a_mailbox_is_no_change_of_it(void **state)
{
	struct fixture *f = *state;
	pair_cut(f->pair);
	(void)deliver(f);
	mirror_time first = noted_time(f);
	(void)deliver(f);
	change(f, 1, "changed");
	change(f, 2, "");
	assert_true(noted_time(f) == first);
	/* Its data counts messages. */
	change_inbox(f, "INBOX", "4 unseen", 1);
	assert_true(noted_time(f) == first);
}

static void a_new_name_or_new_data_of_a_mailbox_is_a_change_of_it(void **state)
{
	struct fixture *f = *state;
	pair_cut(f->pair);
	(void)deliver(f);
	mirror_time first = noted_time(f);
	change_inbox(f, "renamed", "", 0);
	mirror_time renamed = noted_time(f);
	assert_true(renamed > first);
	(void)deliver(f);
	assert_true(noted_time(f) == renamed);
	change_inbox(f, "renamed", "trash", 0);
	mirror_time used = noted_time(f);
	assert_true(used > renamed);
	change_inbox(f, "renamed", "trash", 0); /* it is so already */
	assert_true(noted_time(f) == used);
	change_inbox(f, "again", "7 unseen", 3);
	assert_true(noted_time(f) > used);
}

/* One of the two has the account's lease when they part, and goes on where it was. */
static void who_did_not_have_the_lease_skips_numbers(void **state)
{
	struct fixture *f = *state;
	struct store_account account;
	uint32_t first[PAIR_NODES], second[PAIR_NODES];
	uint64_t changes[PAIR_NODES];
	pair_cut(f->pair);
	for (size_t i = 0; i < PAIR_NODES; i++) {
		f->store = pair_node(f->pair, i)->store;
		first[i] = deliver(f);
		second[i] = deliver(f);
		done(store_get_account(f->store, f->account, &account, &f->err));
		changes[i] = account.change;
		done(store_check(f->store, fail_finding, NULL, NULL, &f->err));
	}
	/* Node 0 wrote last. */
	assert_int_equal(first[0], 4); /* even ones */
	assert_int_equal(changes[0], 5);
	assert_int_equal(first[1], 3 + 1024);
	assert_int_equal(changes[1], 5 + 1024);
	for (size_t i = 0; i < PAIR_NODES; i++)
		assert_int_equal(second[i], first[i] + 2);
}

static void rows_that_do_not_parse_are_told(void **state)
{
	struct mirror_parted parted;
	struct mirror_was was;
	assert_false(mirror_parted_read(SLICE(""), &parted));
	assert_false(mirror_parted_read(SLICE("\2\0\0\0\0\0\0\0\0\5"), &parted));
	assert_false(mirror_parted_read(SLICE("\1\0\0\0\0\0\0\0\0\5x"), &parted));
	assert_true(mirror_parted_read(SLICE("\1\0\0\0\0\0\0\0\7\5"), &parted));
	assert_true(parted.since == 7 && parted.change == 5);
	assert_false(mirror_was_read(SLICE("\1\0\0\0"), &was));
}

int main(void)
{
#define ALONE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ALONE_TEST(nothing_is_noted_while_linked),
		ALONE_TEST(an_object_is_kept_as_it_was_when_they_parted),
		ALONE_TEST(what_is_gone_is_kept_and_what_is_new_is_not),
		ALONE_TEST(a_mailbox_that_is_deleted_is_kept_and_its_objects_are_not),
		ALONE_TEST(what_happens_in_a_mailbox_is_no_change_of_it),
		ALONE_TEST(a_new_name_or_new_data_of_a_mailbox_is_a_change_of_it),
		ALONE_TEST(who_did_not_have_the_lease_skips_numbers),
		ALONE_TEST(since_a_merge_was_offered_what_was_then_is_kept_too),
		ALONE_TEST(of_a_merge_that_was_taken_nothing_more_is_kept),
		cmocka_unit_test(offers_that_do_not_parse_are_told),
		cmocka_unit_test(rows_that_do_not_parse_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
