/* One end of a link, spoken to in frames. */
#include "mirror/link.h"

#include "base/test.h"
#include "store/key.h"

enum { BIG = 1 << 20 };

struct fixture {
	struct mirror_link *link;
	struct mirror_link_options options;
	struct mirror_traffic traffic;
	struct id account;
	unsigned outputs, applied, wanted, greeted;
	size_t accounts; /* of the commit that was applied last, when `many` */
	bool many;
	struct mirror_job *job;
	bool refuses;
	struct err err;
};

static void has_output(void *context)
{
	((struct fixture *)context)->outputs++;
}

static void spawn(void *context, struct mirror_job *job)
{
	struct fixture *f = context;
	assert_null(f->job);
	f->job = job;
}

static int apply(void *context, const struct mirror_commit *commit, struct err *err)
{
	struct fixture *f = context;
	f->accounts = commit->account_count;
	assert_true(f->many || (f->accounts == 1 && id_eq(commit->accounts[0], f->account)));
	f->applied++;
	return f->refuses ? err_temporary(err, ERR_LIMIT, "no room") : 0;
}

static bool wanted(void *context, struct id account)
{
	struct fixture *f = context;
	f->wanted++;
	return id_eq(account, f->account);
}

static bool given(void *context, struct id account)
{
	return false;
}

static int serve(
	void *context, unsigned message, struct slice bytes, struct buf *answer, struct err *err)
{
	if (message != MIRROR_DIGEST)
		return err_permanent(err, ERR_BAD_INPUT, "not known");
	buf_add_slice(answer, bytes);
	return 0;
}

static int greeted(void *context, const struct mirror_frame *hello, struct err *err)
{
	((struct fixture *)context)->greeted++;
	return 0;
}

static bool linked(void *context)
{
	return false;
}

static void broken(void *context, const struct err *why)
{
	((struct fixture *)context)->err = *why;
}

static const struct mirror_link_ops OPS = {
	has_output, has_output, spawn, apply, serve, greeted, wanted, given, linked, broken};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->options = (struct mirror_link_options){.cluster = id_new(),
		.node = id_new(),
		.software = SLICE("test"),
		.traffic = &f->traffic,
		.compress = MIRROR_COMPRESS_NO};
	f->account = id_new();
	f->link = mirror_link_new(&f->options, &OPS, f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mirror_link_end(f->link, NULL);
	mirror_link_free(f->link);
	free(f);
	return 0;
}

static int say(struct fixture *f, const struct mirror_frame *frame)
{
	AUTO(buf_free) struct buf bytes = BUF(2 * MIRROR_FRAME_MAX);
	mirror_frame_add(&bytes, frame);
	struct slice input = buf_slice(&bytes);
	int r = mirror_link_input(f->link, &input, &f->err);
	assert_true(r < 0 || input.len == 0);
	return r;
}

static int say_hello(struct fixture *f)
{
	return say(f, &(struct mirror_frame){.type = MIRROR_HELLO,
			      .first_version = MIRROR_VERSION,
			      .last_version = MIRROR_VERSION + 3,
			      .cluster = f->options.cluster,
			      .node = id_new(),
			      .software = SLICE("9.9")});
}

static struct mirror_frame hear(struct buf *bytes)
{
	struct mirror_frame frame;
	struct slice input = buf_slice(bytes);
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	return frame;
}

/* Leaves the output empty. */
static void greet(struct fixture *f)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	assert_int_equal(say_hello(f), 0);
	assert_int_equal(f->greeted, 1);
	assert_true(mirror_link_output(f->link, &out, BIG));
	struct slice input = buf_slice(&out);
	struct mirror_frame frame;
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	assert_int_equal(frame.type, MIRROR_HELLO);
	assert_int_equal(frame.first_version, MIRROR_VERSION_FIRST);
	assert_int_equal(frame.last_version, MIRROR_VERSION);
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	assert_int_equal(frame.type, MIRROR_PING);
	assert_false(mirror_link_output(f->link, &out, BIG));
}

static void only_the_right_node_is_greeted(void **state)
{
	struct fixture *f = *state;
	struct mirror_frame hello = {.type = MIRROR_HELLO,
		.first_version = MIRROR_VERSION + 1,
		.last_version = MIRROR_VERSION + 1,
		.cluster = f->options.cluster,
		.node = id_new(),
		.software = SLICE("9.9")};
	assert_true(say(f, &hello) < 0);
	assert_non_null(strstr(f->err.text, "9.9"));
	hello.first_version = MIRROR_VERSION;
	hello.cluster = id_new();
	assert_true(say(f, &hello) < 0);
	assert_non_null(strstr(f->err.text, "another cluster"));
	hello.cluster = f->options.cluster;
	hello.node = f->options.node;
	assert_true(say(f, &hello) < 0);
	assert_non_null(strstr(f->err.text, "is this one"));
	assert_true(say(f, &(struct mirror_frame){.type = MIRROR_PING, .number = 1}) < 0);
	assert_int_equal(f->greeted, 0);
	greet(f);
	assert_true(say_hello(f) < 0);
}

static void what_can_not_come_now_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	greet(f);
	struct slice junk = SLICE("\0\0\0\0");
	assert_true(say(f, &(struct mirror_frame){.type = MIRROR_WANT, .account = id_new()}) < 0);
	assert_int_equal(f->err.class, ERR_TEMPORARY);
	assert_true(say(f, &(struct mirror_frame){.type = MIRROR_GIVE, .account = id_new()}) < 0);
	assert_true(say(f, &(struct mirror_frame){.type = MIRROR_DONE, .number = 1}) < 0);
	assert_true(mirror_link_input(f->link, &junk, &f->err) < 0);
	assert_int_equal(
		say(f, &(struct mirror_frame){.type = MIRROR_WANT, .account = f->account}), 0);
	assert_int_equal(say(f, &(struct mirror_frame){.type = 200}), 0);
}

struct sent {
	struct store_batch batch;
	struct store_new_blob blob;
	struct mirror_commit commit;
	struct mirror_shipment shipment;
};

static void make_commit(struct fixture *f, struct sent *sent, struct slice body)
{
	struct key key;
	*sent = (struct sent){.blob = {id_new(), body}};
	store_batch_init(&sent->batch);
	key_of_account(&key, KEY_ACCOUNT, f->account);
	store_batch_put(&sent->batch, key_slice(&key), SLICE("row"));
	sent->commit = (struct mirror_commit){&f->account, 1, &sent->batch, &sent->blob, 1};
}

static void a_small_commit_overtakes_a_large_one(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX), body = BUF(BIG);
	struct sent large, small;
	assert_non_null(buf_reserve(&body, BIG));
	memset(body.data, 'x', BIG);
	body.len = BIG;
	greet(f);
	make_commit(f, &large, buf_slice(&body));
	make_commit(f, &small, SLICE("small"));
	mirror_link_ship(f->link, &large.commit, &large.shipment);
	mirror_link_ship(f->link, &small.commit, &small.shipment);
	while (mirror_link_output(f->link, &out, BIG))
		;
	struct slice input = buf_slice(&out);
	struct mirror_frame frame;
	unsigned parts = 0, small_at = 0;
	while (mirror_frame_next(&input, &frame) == 1) {
		parts++;
		if (frame.number == 1)
			small_at = parts;
	}
	assert_int_equal(small_at, 1);
	assert_true(parts > 10);
	assert_true(frame.last && frame.number == 2);
	assert_int_equal(
		say(f, &(struct mirror_frame){.type = MIRROR_DONE, .number = 1, .taken = true}), 0);
	assert_true(wait_is_done(&small.shipment.done) && small.shipment.rc == 0);
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_DONE,
					.number = 2,
					.why = SLICE("no room")}),
		0);
	assert_true(wait_is_done(&large.shipment.done) && large.shipment.rc < 0);
	assert_non_null(strstr(large.shipment.err.text, "no room"));
	store_batch_free(&large.batch);
	store_batch_free(&small.batch);
}

static void what_is_under_way_at_the_end_is_told(void **state)
{
	struct fixture *f = *state;
	struct sent before, after;
	greet(f);
	make_commit(f, &before, SLICE("x"));
	make_commit(f, &after, SLICE("x"));
	mirror_link_ship(f->link, &before.commit, &before.shipment);
	mirror_link_end(f->link, NULL);
	assert_true(wait_is_done(&before.shipment.done) && before.shipment.rc < 0);
	mirror_link_ship(f->link, &after.commit, &after.shipment);
	assert_true(wait_is_done(&after.shipment.done) && after.shipment.rc < 0);
	store_batch_free(&before.batch);
	store_batch_free(&after.batch);
}

static void run_job(struct fixture *f, bool taken)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	struct mirror_job *job = f->job;
	assert_non_null(job);
	f->job = NULL;
	mirror_job_run(job);
	assert_true(mirror_link_output(f->link, &out, BIG));
	struct mirror_frame answer = hear(&out);
	assert_int_equal(answer.type, MIRROR_DONE);
	assert_int_equal(answer.taken, taken);
	assert_int_equal(answer.why.len > 0, !taken);
}

static void a_commit_that_came_is_applied_and_answered(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf bytes = BUF(10000);
	struct sent sent;
	greet(f);
	make_commit(f, &sent, SLICE("body"));
	mirror_commit_add(&bytes, &sent.commit);
	struct slice first = slice(bytes.data, 20), second = slice_from(buf_slice(&bytes), 20);
	struct mirror_frame part = {.type = MIRROR_PART, .number = 5, .bytes = first};
	assert_int_equal(say(f, &part), 0);
	assert_null(f->job);
	part.bytes = second;
	part.last = true;
	assert_int_equal(say(f, &part), 0);
	run_job(f, true);
	assert_int_equal(f->applied, 1);
	assert_true(say(f, &part) < 0); /* the number is over */
	f->refuses = true;
	part.number = 6;
	part.bytes = buf_slice(&bytes);
	assert_int_equal(say(f, &part), 0);
	run_job(f, false);
	part.number = 7;
	part.bytes = SLICE("\1no commit");
	assert_int_equal(say(f, &part), 0);
	run_job(f, false);
	assert_int_equal(f->applied, 2);
	part.number = 8;
	part.last = false;
	assert_int_equal(say(f, &part), 0); /* and then the connection ends */
	store_batch_free(&sent.batch);
}

/* Adds the frame that brings a commit to another account. */
static void add_commit(struct fixture *f, uint64_t number, struct buf *to)
{
	AUTO(buf_free) struct buf bytes = BUF(10000);
	struct sent sent;
	f->account = id_new();
	make_commit(f, &sent, SLICE("body"));
	mirror_commit_add(&bytes, &sent.commit);
	mirror_frame_add(to, &(struct mirror_frame){.type = MIRROR_PART,
				     .number = number,
				     .last = true,
				     .bytes = buf_slice(&bytes)});
	store_batch_free(&sent.batch);
}

/* Each of `count` numbers from 1 on has its answer, of which only one says no. */
static void check_answers(struct buf *out, uint64_t count, uint64_t refused)
{
	struct slice input = buf_slice(out);
	struct mirror_frame frame;
	for (uint64_t i = 1; i <= count; i++) {
		assert_int_equal(mirror_frame_next(&input, &frame), 1);
		assert_int_equal(frame.type, MIRROR_DONE);
		assert_int_equal(frame.number, i);
		assert_int_equal(frame.taken, i != refused);
	}
	assert_int_equal(input.len, 0);
}

static void commits_that_came_together_are_applied_as_one(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf in = BUF(SIZE_MAX), out = BUF(SIZE_MAX);
	enum { COUNT = 20, BAD = 7 };
	greet(f);
	f->many = true;
	for (uint64_t i = 1; i <= COUNT; i++)
		if (i == BAD)
			mirror_frame_add(&in, &(struct mirror_frame){.type = MIRROR_PART,
						      .number = i,
						      .last = true,
						      .bytes = SLICE("\1no commit")});
		else
			add_commit(f, i, &in);
	struct slice input = buf_slice(&in);
	assert_int_equal(mirror_link_input(f->link, &input, &f->err), 0);
	f->outputs = 0;
	mirror_job_run(f->job);
	f->job = NULL;
	assert_int_equal(f->applied, 1);
	assert_int_equal(f->accounts, COUNT - 1);
	assert_int_equal(f->outputs, 1);
	assert_true(mirror_link_output(f->link, &out, BIG));
	check_answers(&out, COUNT, BAD);
}

/* What comes while commits are applied goes with the next ones. */
static void one_job_applies_all_that_came_until_it_runs(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf in = BUF(SIZE_MAX), out = BUF(SIZE_MAX);
	greet(f);
	f->many = true;
	for (uint64_t i = 1; i <= 3; i++) {
		buf_clear(&in);
		add_commit(f, i, &in);
		struct slice input = buf_slice(&in);
		assert_int_equal(mirror_link_input(f->link, &input, &f->err), 0);
	}
	mirror_job_run(f->job); /* spawn() saw to it that there is no second one */
	f->job = NULL;
	assert_int_equal(f->applied, 1);
	assert_true(mirror_link_output(f->link, &out, BIG));
	check_answers(&out, 3, 0);
}

/* The parts of one message, put together. */
static void gather(struct buf *frames, uint64_t number, struct buf *to)
{
	struct slice input = buf_slice(frames);
	struct mirror_frame frame;
	while (mirror_frame_next(&input, &frame) == 1)
		if (frame.type == MIRROR_PART && frame.number == number)
			buf_add_slice(to, frame.bytes);
}

static void a_request_is_answered_in_parts(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX), answer = BUF(SIZE_MAX);
	greet(f);
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PART,
					.number = 9,
					.last = true,
					.bytes = SLICE("\x09question")}),
		0);
	struct mirror_job *job = f->job;
	f->job = NULL;
	mirror_job_run(job);
	assert_true(mirror_link_output(f->link, &out, BIG));
	gather(&out, 1, &answer);
	assert_true(slice_eq(buf_slice(&answer), SLICE("\x02\x09question")));
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PART,
					.number = 10,
					.last = true,
					.bytes = SLICE("\x63")}),
		0);
	run_job(f, false);
}

/* Of those that large one is under way. */
static void what_the_other_node_has_no_room_for_waits(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX), body = BUF(SIZE_MAX);
	enum { HALF = 65 << 20 };
	struct sent first, second;
	assert_non_null(buf_reserve(&body, HALF));
	memset(body.data, 'x', HALF);
	body.len = HALF;
	greet(f);
	make_commit(f, &first, buf_slice(&body));
	make_commit(f, &second, buf_slice(&body));
	mirror_link_ship(f->link, &first.commit, &first.shipment);
	mirror_link_ship(f->link, &second.commit, &second.shipment);
	while (mirror_link_output(f->link, &out, BIG))
		;
	assert_true(out.len > HALF && out.len < 2 * HALF);
	f->outputs = 0;
	assert_int_equal(
		say(f, &(struct mirror_frame){.type = MIRROR_DONE, .number = 1, .taken = true}), 0);
	assert_int_equal(f->outputs, 1);
	while (mirror_link_output(f->link, &out, BIG))
		;
	assert_true(out.len > 2 * HALF);
	mirror_link_end(f->link, NULL);
	assert_true(wait_is_done(&second.shipment.done) && second.shipment.rc < 0);
	store_batch_free(&first.batch);
	store_batch_free(&second.batch);
}

int main(void)
{
#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LINK_TEST(only_the_right_node_is_greeted),
		LINK_TEST(what_can_not_come_now_ends_the_connection),
		LINK_TEST(a_small_commit_overtakes_a_large_one),
		LINK_TEST(what_is_under_way_at_the_end_is_told),
		LINK_TEST(a_commit_that_came_is_applied_and_answered),
		LINK_TEST(commits_that_came_together_are_applied_as_one),
		LINK_TEST(one_job_applies_all_that_came_until_it_runs),
		LINK_TEST(a_request_is_answered_in_parts),
		LINK_TEST(what_the_other_node_has_no_room_for_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
