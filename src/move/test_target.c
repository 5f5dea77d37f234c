/* The node that takes users in, request by request: what it does, and what it does not do for whom.
 */
#include "move/test_support.h"

#include "base/bytes.h"
#include "move/account.h"
#include "move/target_internal.h"

struct fixture_pair {
	struct side from, to;
	struct id account, run;
	struct buf answer;
	struct err err;
};

static void begin_test(struct fixture_pair *f)
{
	*f = (struct fixture_pair){.answer = BUF(1 << 20)};
	side_open(&f->from);
	side_open(&f->to);
	f->account = side_add_user(&f->from);
	f->run = id_new();
}

static void end_test(struct fixture_pair *f)
{
	buf_free(&f->answer);
	side_close(&f->from);
	side_close(&f->to);
}

static int ask(struct fixture_pair *f, struct move_request q)
{
	q.account = f->account;
	q.run = f->run;
	if (q.type == MOVE_BEGIN) {
		q.user = USER;
		q.from = SLICE("one");
		q.to = SLICE("two");
		q.internal = true;
	}
	buf_clear(&f->answer);
	f->err = (struct err){0};
	return move_target_serve(f->to.node, &q, &f->answer, &f->err);
}

static int ask_plain(struct fixture_pair *f, enum move_type type)
{
	return ask(f, (struct move_request){.type = type});
}

static void nothing(void *context, struct id blob)
{
}

static void send_bodies(struct fixture_pair *f, struct slice ids)
{
	AUTO(buf_free) struct buf bodies = BUF(1 << 20);
	struct store_db *db;
	const struct store_driver *driver = store_driver_of(f->from.store, &db);
	struct slice bytes;
	while (bytes_cut(&ids, ID_SIZE, &bytes)) {
		struct id blob;
		uint64_t len;
		memcpy(blob.bytes, bytes.ptr, ID_SIZE);
		done(driver->blob_len(db, blob, &len, &f->err));
		move_body_head(blob, len, &bodies);
		done(driver->blob_read(db, blob, 0, len, &bodies, &f->err));
	}
	done(ask(f, (struct move_request){.type = MOVE_BODIES, .rest = buf_slice(&bodies)}));
}

/* What differs goes over, as the driver of a move does it. */
static void copy(struct fixture_pair *f)
{
	struct mirror_rows have = MIRROR_ROWS_NONE, want = MIRROR_ROWS_NONE;
	struct store_batch batch;
	AUTO(buf_free) struct buf absent = BUF(1 << 16);
	store_batch_init(&batch);
	done(move_account_rows(f->to.store, false, f->account, &have, &f->err));
	done(move_account_rows(f->from.store, false, f->account, &want, &f->err));
	mirror_rows_diff(&have, &want, &batch, nothing, NULL);
	done(ask(f, (struct move_request){.type = MOVE_APPLY, .rest = buf_slice(&batch.bytes)}));
	buf_add_slice(&absent, buf_slice(&f->answer));
	send_bodies(f, buf_slice(&absent));
	store_batch_free(&batch);
	mirror_rows_free(&have);
	mirror_rows_free(&want);
}

static int finish(struct fixture_pair *f)
{
	AUTO(buf_free) struct buf row = BUF(1 << 16);
	struct mirror_rows rows = MIRROR_ROWS_NONE;
	struct id account;
	done(directory_user_export(f->from.directory, USER, &row, &account, &f->err));
	assert_true(id_eq(account, f->account));
	done(move_account_rows(f->from.store, false, f->account, &rows, &f->err));
	int r = ask(f, (struct move_request){.type = MOVE_FINISH,
			       .digest = move_account_digest(&rows),
			       .rows = rows.count,
			       .rest = buf_slice(&row)});
	mirror_rows_free(&rows);
	return r;
}

static bool is_user(struct side *s)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct err err;
	return directory_check(s->directory, USER, SLICE("secret"), SLICE("192.0.2.1"),
		       DIRECTORY_IMAP, &arena, &user, &err) == 0;
}

static void who_arrives_is_let_in_at_the_end(void **state)
{
	struct fixture_pair f;
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	assert_int_equal(side_state(&f.to, f.account), MOVE_ARRIVING);
	assert_false(is_user(&f.to));
	copy(&f);
	done(finish(&f));
	assert_int_equal(f.answer.data[0], 1);
	assert_int_equal(f.answer.len, 1);
	assert_int_equal(side_state(&f.to, f.account), MOVE_ARRIVED);
	assert_true(is_user(&f.to));
	assert_true(move_marks_is_barred(f.to.marks, f.account));
	done(ask_plain(&f, MOVE_OPEN));
	done(ask_plain(&f, MOVE_OPEN)); /* the answer was lost */
	assert_int_equal(side_state(&f.to, f.account), MOVE_LIVES);
	done(side_try_write(&f.to, f.account, &f.err));
	assert_true(ask_plain(&f, MOVE_DROP) < 0);
	assert_int_equal(f.err.kind, ERR_EXISTS);
	end_test(&f);
}

static void what_differs_is_told_and_opens_nothing(void **state)
{
	struct fixture_pair f;
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	done(finish(&f));
	assert_int_equal(f.answer.data[0], 0);
	assert_true(ask_plain(&f, MOVE_OPEN) < 0);
	assert_int_equal(side_state(&f.to, f.account), MOVE_ARRIVING);
	assert_false(is_user(&f.to));
	done(ask_plain(&f, MOVE_DROP));
	end_test(&f);
}

static void bodies_that_are_missing_are_asked_for_before_the_end(void **state)
{
	struct fixture_pair f;
	struct mirror_rows want = MIRROR_ROWS_NONE;
	struct buf rows = BUF(1 << 20);
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	done(move_account_rows(f.from.store, false, f.account, &want, &f.err));
	struct mirror_rows none = MIRROR_ROWS_NONE;
	struct store_batch batch;
	store_batch_init(&batch);
	mirror_rows_diff(&none, &want, &batch, nothing, NULL);
	done(ask(&f, (struct move_request){.type = MOVE_APPLY, .rest = buf_slice(&batch.bytes)}));
	assert_int_equal(f.answer.len, 5 * ID_SIZE);
	done(finish(&f)); /* the rows are the same */
	assert_int_equal(f.answer.data[0], 1);
	assert_int_equal(f.answer.len, 1 + 5 * ID_SIZE);
	assert_int_equal(side_state(&f.to, f.account), MOVE_ARRIVING);
	done(ask_plain(&f, MOVE_ROWS)); /* who comes again hears it at once */
	assert_int_equal(f.answer.data[0], 5);
	done(ask_plain(&f, MOVE_DROP));
	store_batch_free(&batch);
	mirror_rows_free(&want);
	buf_free(&rows);
	end_test(&f);
}

/* As far as any row may have come when a node dies. */
static void a_copy_that_broke_off_anywhere_is_gone_on_with(void **state)
{
	size_t total = SIZE_MAX;
	for (size_t most = 0; most < total; most++) {
		struct fixture_pair f;
		struct mirror_rows none = MIRROR_ROWS_NONE, want = MIRROR_ROWS_NONE;
		struct store_batch batch;
		struct slice key, value;
		enum store_op op;
		bool bad;
		begin_test(&f);
		done(ask_plain(&f, MOVE_BEGIN));
		store_batch_init(&batch);
		done(move_account_rows(f.from.store, false, f.account, &want, &f.err));
		mirror_rows_diff(&none, &want, &batch, nothing, NULL);
		total = want.count;
		struct slice rest = buf_slice(&batch.bytes);
		for (size_t i = 0; i < most; i++) {
			struct slice before = rest;
			assert_true(store_batch_next(&rest, &op, &key, &value, &bad));
			before.len -= rest.len;
			done(ask(&f, (struct move_request){.type = MOVE_APPLY, .rest = before}));
		}
		f.run = id_new();
		done(ask_plain(&f, MOVE_BEGIN));
		copy(&f);
		done(finish(&f));
		assert_int_equal(f.answer.data[0], 1);
		if (f.answer.len > 1) { /* bodies of rows that were there before */
			struct slice absent = slice_from(buf_slice(&f.answer), 1);
			AUTO(buf_free) struct buf ids = BUF(1 << 16);
			buf_add_slice(&ids, absent);
			send_bodies(&f, buf_slice(&ids));
			done(finish(&f));
		}
		assert_int_equal(f.answer.len, 1);
		done(ask_plain(&f, MOVE_OPEN));
		store_batch_free(&batch);
		mirror_rows_free(&want);
		end_test(&f); /* looks whether each body is kept alive, and no other */
	}
}

static void an_object_that_gets_another_body_lets_the_old_one_go(void **state)
{
	struct fixture_pair f;
	struct store_write *w;
	struct store_collection *c;
	struct store_object o;
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct store_collection inbox;
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	copy(&f);
	done(store_find_collection(
		f.from.store, f.account, STORE_MAILBOX, SLICE("INBOX"), &arena, &inbox, &f.err));
	done(store_write_begin(f.from.store, &f.account, 1, &w, &f.err));
	done(store_write_collection(w, f.account, inbox.id, &c, &f.err));
	done(store_write_get_object(w, c, 1, &o, &f.err));
	o.blob = store_write_blob(w, SLICE("a new body"));
	done(store_write_object(w, c, &o, SLICE_NONE, &f.err));
	done(store_write_get_object(w, c, 2, &o, &f.err));
	done(store_write_object_gone(w, c, &o, &f.err));
	done(store_write_commit(w, &f.err));
	copy(&f);
	done(finish(&f));
	assert_int_equal(f.answer.data[0], 1);
	assert_int_equal(f.answer.len, 1);
	done(ask_plain(&f, MOVE_OPEN));
	end_test(&f);
}

static void another_run_changes_nothing(void **state)
{
	struct fixture_pair f;
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	copy(&f);
	struct id old = f.run;
	f.run = id_new();
	static const enum move_type ALL[] = {
		MOVE_ROWS, MOVE_APPLY, MOVE_BODIES, MOVE_OPEN, MOVE_DROP};
	for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
		assert_true(ask_plain(&f, ALL[i]) < 0);
		assert_int_equal(f.err.kind, ERR_IN_USE);
	}
	done(ask_plain(&f, MOVE_BEGIN)); /* it takes the account over */
	struct id new = f.run;
	f.run = old;
	assert_true(finish(&f) < 0);
	f.run = new;
	done(finish(&f));
	assert_int_equal(f.answer.data[0], 1);
	done(ask_plain(&f, MOVE_DROP));
	end_test(&f);
}

static void who_does_not_come_leaves_nothing(void **state)
{
	struct fixture_pair f;
	struct store_account account;
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	copy(&f);
	assert_false(is_user(&f.to));
	done(ask_plain(&f, MOVE_DROP));
	done(ask_plain(&f, MOVE_DROP));
	assert_false(is_user(&f.to));
	assert_int_equal(side_state(&f.to, f.account), MOVE_NONE);
	assert_int_equal(store_get_account(f.to.store, f.account, &account, &f.err), STORE_ABSENT);
	assert_true(ask_plain(&f, MOVE_OPEN) < 0);
	end_test(&f);
}

/* Who heard that he lives there is told "not now", and not "unknown". */
static void where_the_directory_may_have_said_that_he_lives_he_stays_shut(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct directory_user user;
	struct store_account account;
	struct fixture_pair f;
	begin_test(&f);
	for (int i = 0; i < 3; i++) { /* in the second one it ends before he is whole */
		f.run = id_new();
		done(ask_plain(&f, MOVE_BEGIN));
		copy(&f);
		if (i != 1)
			done(finish(&f));
		done(ask_plain(&f, MOVE_DROP));
		done(ask_plain(&f, MOVE_DROP));
		assert_int_equal(side_state(&f.to, f.account), MOVE_FORGOTTEN);
		assert_true(move_marks_is_barred(f.to.marks, f.account));
		assert_int_equal(
			store_get_account(f.to.store, f.account, &account, &f.err), STORE_ABSENT);
		done(directory_user(f.to.directory, USER, DIRECTORY_IMAP, &arena, &user, &f.err));
		assert_slice(user.to_host, "one");
		assert_true(ask_plain(&f, MOVE_OPEN) < 0);
	}
	done(ask_plain(&f, MOVE_BEGIN));
	copy(&f);
	done(finish(&f));
	done(ask_plain(&f, MOVE_OPEN));
	assert_false(move_marks_is_barred(f.to.marks, f.account));
	end_test(&f);
}

static void rows_of_others_are_not_taken(void **state)
{
	struct fixture_pair f;
	struct key key;
	struct store_batch batch;
	begin_test(&f);
	done(ask_plain(&f, MOVE_BEGIN));
	const struct id others[] = {STORE_SYSTEM_ACCOUNT, id_new()};
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		store_batch_init(&batch);
		key_of_account(&key, KEY_ACCOUNT, others[i]);
		store_batch_put(&batch, key_slice(&key), SLICE("x"));
		assert_true(ask(&f, (struct move_request){.type = MOVE_APPLY,
					    .rest = buf_slice(&batch.bytes)}) < 0);
		assert_int_equal(f.err.kind, ERR_BAD_INPUT);
		store_batch_free(&batch);
	}
	assert_true(
		ask(&f, (struct move_request){.type = MOVE_APPLY, .rest = SLICE("no batch")}) < 0);
	assert_true(ask(&f, (struct move_request){
				    .type = MOVE_BODIES, .rest = SLICE("no bodies")}) < 0);
	done(ask_plain(&f, MOVE_DROP));
	end_test(&f);
}

static void another_user_of_that_name_stays(void **state)
{
	struct fixture_pair f;
	begin_test(&f);
	done(directory_user_add(f.to.directory, USER, SLICE("other"), NULL, NULL, &f.err));
	assert_true(ask_plain(&f, MOVE_BEGIN) < 0);
	assert_int_equal(f.err.kind, ERR_EXISTS);
	assert_int_equal(side_state(&f.to, f.account), MOVE_NONE);
	assert_false(is_user(&f.to));
	end_test(&f);
}

static void mail_without_a_mark_stays_somebodys(void **state)
{
	struct fixture_pair f;
	begin_test(&f);
	struct id inbox = make_collection(f.to.store, f.account, "INBOX");
	(void)deliver(f.to.store, f.account, inbox, "whose?");
	assert_true(ask_plain(&f, MOVE_BEGIN) < 0);
	assert_int_equal(f.err.kind, ERR_EXISTS);
	assert_int_equal(side_state(&f.to, f.account), MOVE_NONE);
	done(side_try_write(&f.to, f.account, &f.err));
	end_test(&f);
}

static void requests_without_sense_are_refused(void **state)
{
	struct fixture_pair f;
	struct buf answer = BUF(64);
	begin_test(&f);
	struct move_request q = {.type = MOVE_BEGIN, .account = STORE_SYSTEM_ACCOUNT, .run = f.run};
	assert_true(move_target_serve(f.to.node, &q, &answer, &f.err) < 0);
	q = (struct move_request){.type = MOVE_BEGIN, .account = f.account, .run = ID_NONE};
	assert_true(move_target_serve(f.to.node, &q, &answer, &f.err) < 0);
	q = (struct move_request){.type = MOVE_BEGIN,
		.account = f.account,
		.run = f.run,
		.user = SLICE("not an address")};
	assert_true(move_target_serve(f.to.node, &q, &answer, &f.err) < 0);
	assert_int_equal(f.err.kind, ERR_BAD_INPUT);
	buf_free(&answer);
	end_test(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_arrives_is_let_in_at_the_end),
		cmocka_unit_test(what_differs_is_told_and_opens_nothing),
		cmocka_unit_test(bodies_that_are_missing_are_asked_for_before_the_end),
		cmocka_unit_test(a_copy_that_broke_off_anywhere_is_gone_on_with),
		cmocka_unit_test(an_object_that_gets_another_body_lets_the_old_one_go),
		cmocka_unit_test(another_run_changes_nothing),
		cmocka_unit_test(who_does_not_come_leaves_nothing),
		cmocka_unit_test(where_the_directory_may_have_said_that_he_lives_he_stays_shut),
		cmocka_unit_test(rows_of_others_are_not_taken),
		cmocka_unit_test(another_user_of_that_name_stays),
		cmocka_unit_test(mail_without_a_mark_stays_somebodys),
		cmocka_unit_test(requests_without_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
