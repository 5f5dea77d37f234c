/* Frames and commits: there and back, cut anywhere, and what must not be taken. */
#include "mirror/frame.h"

#include "base/test.h"
#include "store/key.h"

static struct mirror_frame there_and_back(const struct mirror_frame *frame, struct buf *bytes)
{
	struct mirror_frame got = {0};
	mirror_frame_add(bytes, frame);
	for (size_t len = 0; len < bytes->len; len++) {
		struct slice part = slice(bytes->data, len);
		assert_int_equal(mirror_frame_next(&part, &got), 0);
		assert_int_equal(part.len, len);
	}
	struct slice rest = buf_slice(bytes);
	assert_int_equal(mirror_frame_next(&rest, &got), 1);
	assert_int_equal(rest.len, 0);
	assert_int_equal(got.type, frame->type);
	return got;
}

static void each_frame_comes_back(void **state)
{
	AUTO(buf_free)
	struct buf hello = BUF(1000), want = BUF(1000), part = BUF(1000), done = BUF(1000),
		   ping = BUF(1000);
	struct id account = id_new(), cluster = id_new();
	struct mirror_frame got = there_and_back(&(struct mirror_frame){.type = MIRROR_HELLO,
							 .first_version = 1,
							 .last_version = 3,
							 .cluster = cluster,
							 .node = account,
							 .clock_ms = -5,
							 .software = SLICE("0.1")},
		&hello);
	assert_int_equal(got.first_version, 1);
	assert_int_equal(got.last_version, 3);
	assert_true(id_eq(got.cluster, cluster) && id_eq(got.node, account));
	assert_true(got.clock_ms == -5 && slice_eq(got.software, SLICE("0.1")));
	got = there_and_back(
		&(struct mirror_frame){.type = MIRROR_WANT, .account = account}, &want);
	assert_true(id_eq(got.account, account));
	got = there_and_back(&(struct mirror_frame){.type = MIRROR_PART,
				     .number = 1u << 31,
				     .last = true,
				     .bytes = SLICE("bytes")},
		&part);
	assert_true(got.number == 1u << 31 && got.last && slice_eq(got.bytes, SLICE("bytes")));
	got = there_and_back(
		&(struct mirror_frame){.type = MIRROR_DONE, .number = 7, .why = SLICE("full")},
		&done);
	assert_true(got.number == 7 && !got.taken && slice_eq(got.why, SLICE("full")));
	got = there_and_back(&(struct mirror_frame){.type = MIRROR_PING, .number = 9}, &ping);
	assert_int_equal(got.number, 9);
}

static void frames_of_a_later_version_are_passed_over(void **state)
{
	struct slice input = SLICE("\0\0\0\4\xf0xyz\0\0\0\2\6\5");
	struct mirror_frame frame;
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	assert_int_equal(frame.type, 0xf0);
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	assert_int_equal(frame.type, MIRROR_PING);
	assert_int_equal(frame.number, 5);
}

static void what_is_no_frame_is_refused(void **state)
{
	static const struct slice BAD[] = {
		{"\0\0\0\0", 4},        /* nothing in it */
		{"\0\5\0\0\4", 5},      /* too long */
		{"\0\0\0\3\2ab", 7},    /* an account that is none */
		{"\0\0\0\3\6\1\1", 7},  /* more than a number */
		{"\0\0\0\4\4\1\2x", 8}, /* a bit that has no meaning */
		{"\0\0\0\3\1\2\1", 7},  /* versions upside down */
	};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct slice input = BAD[i];
		struct mirror_frame frame;
		assert_int_equal(mirror_frame_next(&input, &frame), -1);
		assert_int_equal(input.len, BAD[i].len);
	}
}

struct commit_of_test {
	struct id accounts[2], blob;
	struct store_batch batch;
	struct store_new_blob blobs[2];
	struct mirror_commit commit;
};

static void set_up_commit(struct commit_of_test *t)
{
	struct key key;
	*t = (struct commit_of_test){.blob = id_new()};
	t->accounts[0].bytes[0] = 1;
	t->accounts[1].bytes[0] = 2;
	store_batch_init(&t->batch);
	key_of_account(&key, KEY_ACCOUNT, t->accounts[0]);
	store_batch_put(&t->batch, key_slice(&key), SLICE("row"));
	key_of_ref(&key, t->blob, t->accounts[1], id_new(), 7);
	store_batch_put(&t->batch, key_slice(&key), SLICE_NONE);
	store_batch_release(&t->batch, t->blob);
	t->blobs[0] = (struct store_new_blob){t->blob, SLICE("body")};
	t->blobs[1] = (struct store_new_blob){id_new(), SLICE_NONE};
	t->commit = (struct mirror_commit){t->accounts, 2, &t->batch, t->blobs, 2};
}

static void a_commit_comes_back(void **state)
{
	AUTO(buf_free) struct buf bytes = BUF(10000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct commit_of_test t;
	struct mirror_commit got;
	set_up_commit(&t);
	mirror_commit_add(&bytes, &t.commit);
	assert_true(mirror_commit_read(buf_slice(&bytes), &arena, &got));
	assert_int_equal(got.account_count, 2);
	assert_true(id_eq(got.accounts[1], t.accounts[1]));
	assert_true(slice_eq(buf_slice(&got.batch->bytes), buf_slice(&t.batch.bytes)));
	assert_true(slice_eq(buf_slice(&got.batch->released), id_slice(&t.blob)));
	assert_int_equal(got.blob_count, 2);
	assert_true(id_eq(got.blobs[0].id, t.blob));
	assert_true(slice_eq(got.blobs[0].bytes, SLICE("body")));
	for (size_t len = 0; len < bytes.len; len++)
		assert_false(mirror_commit_read(slice(bytes.data, len), &arena, &got));
	store_batch_free(&t.batch);
}

static bool is_taken(const struct mirror_commit *commit)
{
	AUTO(buf_free) struct buf bytes = BUF(10000);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mirror_commit got;
	mirror_commit_add(&bytes, commit);
	return mirror_commit_read(buf_slice(&bytes), &arena, &got);
}

static void rows_that_are_not_the_accounts_are_refused(void **state)
{
	struct commit_of_test t;
	struct key key;
	set_up_commit(&t);
	assert_true(is_taken(&t.commit));
	t.commit.account_count = 1;
	assert_false(is_taken(&t.commit)); /* the reference is the second one's */
	t.commit.account_count = 2;
	struct id in_order[] = {t.accounts[1], t.accounts[0]};
	t.commit.accounts = in_order;
	assert_false(is_taken(&t.commit));
	t.commit.accounts = t.accounts;
	key_of_tag(&key, KEY_FORMAT);
	store_batch_put(&t.batch, key_slice(&key), SLICE("\x09"));
	assert_false(is_taken(&t.commit));
	store_batch_free(&t.batch);
	set_up_commit(&t);
	store_batch_put(&t.batch, SLICE("!own key of a driver, long enough"), SLICE("x"));
	assert_false(is_taken(&t.commit));
	store_batch_free(&t.batch);
}

static void joined_commits_have_all_of_each(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct commit_of_test first, second;
	struct mirror_commit joined;
	set_up_commit(&first);
	set_up_commit(&second);
	second.accounts[1].bytes[0] = 3; /* the other one is an account of both */
	struct mirror_commit both[] = {second.commit, first.commit};
	mirror_commit_join(both, 2, &arena, &joined);
	assert_int_equal(joined.joined, 2);
	assert_int_equal(joined.account_count, 3);
	for (size_t i = 0; i < joined.account_count; i++)
		assert_int_equal(joined.accounts[i].bytes[0], i + 1);
	struct slice bytes = buf_slice(&joined.batch->bytes);
	size_t len = second.batch.bytes.len;
	assert_true(slice_eq(slice_sub(bytes, 0, len), buf_slice(&second.batch.bytes)));
	assert_true(slice_eq(slice_from(bytes, len), buf_slice(&first.batch.bytes)));
	assert_int_equal(joined.batch->released.len, 2 * ID_SIZE);
	assert_int_equal(joined.blob_count, 4);
	assert_true(id_eq(joined.blobs[0].id, second.blob));
	assert_true(id_eq(joined.blobs[2].id, first.blob));
	store_batch_free(&first.batch);
	store_batch_free(&second.batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_comes_back),
		cmocka_unit_test(frames_of_a_later_version_are_passed_over),
		cmocka_unit_test(what_is_no_frame_is_refused),
		cmocka_unit_test(a_commit_comes_back),
		cmocka_unit_test(rows_that_are_not_the_accounts_are_refused),
		cmocka_unit_test(joined_commits_have_all_of_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
