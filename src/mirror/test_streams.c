/* Messages of many accounts in one connection: what is large, slow or lost in thought holds up
 * nobody else. All by bytes and turns, none by time: this end is a link, the other one speaks in
 * frames. */
#include "mirror/link.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/test.h"
#include "mirror/pack.h"
#include "store/key.h"

enum {
	JOBS_MAX = 16,
	SENT_MAX = 140,
	MIB = 1 << 20,
	PART = (32 << 10) + 64, /* with its frame */
};

struct sent {
	struct id account;
	struct store_batch batch;
	struct store_new_blob blob;
	struct mirror_commit commit;
	struct mirror_shipment shipment;
};

struct fixture {
	struct mirror_link *link;
	struct mirror_link_options options;
	struct mirror_traffic traffic;
	struct mirror_job *jobs[JOBS_MAX];
	size_t job_count;
	unsigned applied;
	size_t accounts; /* of what was applied last */
	struct id slow;  /* applying to this one calls: */
	void (*meanwhile)(struct fixture *f);
	struct err err, broken;
	uint64_t number; /* of our last message */
	struct sent sent[SENT_MAX];
	size_t sent_count;
	struct buf body; /* as large as was wanted once */
};

static void has_output(void *context)
{
}

static void spawn(void *context, struct mirror_job *job)
{
	struct fixture *f = context;
	assert_true(f->job_count < JOBS_MAX);
	f->jobs[f->job_count++] = job;
}

static void run_jobs(struct fixture *f)
{
	while (f->job_count > 0) {
		struct mirror_job *job = f->jobs[0];
		memmove(f->jobs, f->jobs + 1, --f->job_count * sizeof(*f->jobs));
		mirror_job_run(job);
	}
}

static int apply(void *context, const struct mirror_commit *commit, struct err *err)
{
	struct fixture *f = context;
	void (*meanwhile)(struct fixture * f) = f->meanwhile;
	for (size_t i = 0; i < commit->account_count; i++)
		if (meanwhile && id_eq(commit->accounts[i], f->slow)) {
			f->meanwhile = NULL;
			meanwhile(f);
		}
	f->applied++;
	f->accounts = commit->account_count;
	return 0;
}

static int serve(
	void *context, unsigned message, struct slice bytes, struct buf *answer, struct err *err)
{
	assert_int_equal(message, MIRROR_BODIES);
	buf_add_slice(answer, bytes);
	return 0;
}

static bool lease(void *context, struct id account)
{
	return true;
}

static int greeted(void *context, const struct mirror_frame *hello, struct err *err)
{
	return 0;
}

static bool linked(void *context)
{
	return true;
}

static void broken(void *context, const struct err *why)
{
	((struct fixture *)context)->broken = *why;
}

static const struct mirror_link_ops OPS = {
	has_output, has_output, spawn, apply, serve, greeted, lease, lease, linked, broken};

static int say(struct fixture *f, const struct mirror_frame *frame)
{
	AUTO(buf_free) struct buf bytes = BUF(2 * MIRROR_FRAME_MAX);
	mirror_frame_add(&bytes, frame);
	struct slice input = buf_slice(&bytes);
	return mirror_link_input(f->link, &input, &f->err);
}

/* All that there is to send; the link has been emptied. */
static void hear_all(struct fixture *f, struct buf *to)
{
	while (mirror_link_output(f->link, to, PART))
		;
}

static void drop_output(struct fixture *f)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	while (mirror_link_output(f->link, &out, PART))
		buf_clear(&out);
}

static void greet(struct fixture *f, enum mirror_compress compress, unsigned version)
{
	f->options = (struct mirror_link_options){.cluster = id_new(),
		.node = id_new(),
		.software = SLICE("test"),
		.traffic = &f->traffic,
		.compress = compress};
	f->link = mirror_link_new(&f->options, &OPS, f);
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_HELLO,
					.first_version = MIRROR_VERSION_FIRST,
					.last_version = version,
					.cluster = f->options.cluster,
					.node = id_new()}),
		0);
	drop_output(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->body = BUF(SIZE_MAX);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	mirror_link_end(f->link, NULL);
	run_jobs(f);
	mirror_link_free(f->link);
	for (size_t i = 0; i < f->sent_count; i++) {
		assert_true(wait_is_done(&f->sent[i].shipment.done));
		store_batch_free(&f->sent[i].batch);
	}
	buf_free(&f->body);
	free(f);
	return 0;
}

static void make_commit(struct fixture *f, struct sent *sent, size_t len)
{
	struct key key;
	if (f->body.len < len) {
		size_t more = len - f->body.len;
		char *room = buf_reserve(&f->body, more);
		assert_non_null(room);
		memset(room, 'x', more);
		f->body.len = len;
	}
	*sent = (struct sent){.account = id_new(), .blob = {id_new(), slice(f->body.data, len)}};
	store_batch_init(&sent->batch);
	key_of_account(&key, KEY_ACCOUNT, sent->account);
	store_batch_put(&sent->batch, key_slice(&key), SLICE("row"));
	sent->commit = (struct mirror_commit){&sent->account, 1, &sent->batch, &sent->blob, 1};
}

/* A commit of an account of its own, with a body of that length. */
static struct sent *ship(struct fixture *f, size_t len)
{
	assert_true(f->sent_count < SENT_MAX);
	struct sent *sent = &f->sent[f->sent_count++];
	make_commit(f, sent, len);
	mirror_link_ship(f->link, &sent->commit, &sent->shipment);
	return sent;
}

/* The next message goes out whole before anything else of more than `max` bytes does. Its number.
 */
static uint64_t hear_message(struct fixture *f, size_t max)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	struct mirror_frame frame = {0};
	size_t at = 0;
	while (mirror_link_output(f->link, &out, 1)) {
		struct slice rest = slice_from(buf_slice(&out), at);
		while (mirror_frame_next(&rest, &frame) == 1)
			if (frame.type == MIRROR_PART && frame.last) {
				assert_true(out.len - rest.len <= max);
				return frame.number;
			}
		at = out.len - rest.len;
		assert_true(out.len <= max);
	}
	fail_msg("nothing came");
	return 0;
}

static void answer(struct fixture *f, uint64_t number, const struct sent *sent)
{
	assert_false(wait_is_done(&sent->shipment.done));
	assert_int_equal(say(f,
				 &(struct mirror_frame){
					 .type = MIRROR_DONE, .number = number, .taken = true}),
		0);
	assert_true(wait_is_done(&sent->shipment.done) && sent->shipment.rc == 0);
}

/* One more part of something large. */
static void hear_part(struct fixture *f)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	assert_true(mirror_link_output(f->link, &out, 1));
	assert_true(out.len > PART / 2);
}

static void small_commits_pass_messages_that_are_under_way_or_wait_for_room(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	(void)ship(f, 70 * MIB);
	(void)ship(f, 60 * MIB);
	(void)ship(f, 60 * MIB);
	(void)ship(f, 60 * MIB); /* waits for room, as the next does */
	(void)ship(f, 70 * MIB);
	for (unsigned i = 0; i < 20; i++) {
		hear_part(f);
		const struct sent *small = ship(f, 1000);
		answer(f, hear_message(f, PART), small);
	}
}

static void a_small_commit_waits_for_no_round_of_all_that_are_under_way(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	for (unsigned i = 0; i < 100; i++)
		(void)ship(f, MIB / 2);
	for (unsigned i = 0; i < 150; i++) /* each is begun */
		hear_part(f);
	const struct sent *small = ship(f, 1000);
	answer(f, hear_message(f, PART), small);
}

/* And those that go on are not stopped by many small ones. */
static void what_goes_on_has_every_eighth_turn(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	struct mirror_frame frame;
	unsigned small = 0, large = 0;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	const struct sent *one = ship(f, MIB);
	hear_part(f);
	for (unsigned i = 0; i < 60; i++)
		(void)ship(f, 20000);
	while (large < 8 && mirror_link_output(f->link, &out, 1)) {
		struct slice rest = buf_slice(&out);
		while (mirror_frame_next(&rest, &frame) == 1)
			*(frame.number == 1 ? &large : &small) += 1;
		buf_clear(&out);
	}
	assert_true(small <= 7 * 8);
	assert_false(wait_is_done(&one->shipment.done));
}

/* They are sent, and applied never. */
static void what_is_not_applied_at_the_other_node_leaves_room_for_others(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	(void)ship(f, 60 * MIB);
	drop_output(f);
	const struct sent *large = ship(f, 50 * MIB);
	answer(f, hear_message(f, 51 * MIB), large);
	(void)ship(f, 70 * MIB);
	drop_output(f);
	large = ship(f, 50 * MIB);
	answer(f, hear_message(f, 51 * MIB), large);
	for (unsigned i = 0; i < 60; i++) /* as many accounts as slow as that */
		(void)ship(f, MIB - 1000);
	drop_output(f);
	const struct sent *small = ship(f, 10000);
	answer(f, hear_message(f, PART), small);
	for (unsigned i = 0; i < 5; i++) /* the bound */
		(void)ship(f, MIB - 1000);
	drop_output(f);
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	(void)ship(f, MIB - 1000);
	assert_false(mirror_link_output(f->link, &out, PART));
	large = ship(f, 2 * MIB); /* of another sort */
	answer(f, hear_message(f, 3 * MIB), large);
}

static void a_ping_is_answered_before_the_next_part(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	struct mirror_frame frame;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	(void)ship(f, 70 * MIB);
	hear_part(f);
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PING, .number = 77}), 0);
	assert_true(mirror_link_output(f->link, &out, PART));
	struct slice input = buf_slice(&out);
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	assert_true(frame.type == MIRROR_PONG && frame.number == 77);
}

/* A commit of the other node comes whole; its account. */
static struct id come(struct fixture *f, size_t len, uint64_t *ret_number)
{
	AUTO(buf_free) struct buf bytes = BUF(SIZE_MAX);
	struct sent sent;
	make_commit(f, &sent, len);
	mirror_commit_add(&bytes, &sent.commit);
	store_batch_free(&sent.batch);
	*ret_number = ++f->number;
	for (size_t at = 0; at < bytes.len; at += MIRROR_PART_MAX) {
		size_t part = MIN(bytes.len - at, (size_t)MIRROR_PART_MAX);
		assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PART,
						.number = *ret_number,
						.last = at + part == bytes.len,
						.bytes = slice(bytes.data + at, part)}),
			0);
	}
	return sent.account;
}

static void assert_answered(struct fixture *f, uint64_t number)
{
	AUTO(buf_free) struct buf out = BUF(SIZE_MAX);
	struct mirror_frame frame;
	bool answered = false;
	hear_all(f, &out);
	struct slice input = buf_slice(&out);
	while (mirror_frame_next(&input, &frame) == 1)
		answered |= frame.type == MIRROR_DONE && frame.number == number && frame.taken;
	assert_true(answered);
}

static void others_are_applied_meanwhile(struct fixture *f)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t number;
		(void)come(f, 1000, &number);
		assert_int_equal(f->job_count, 0); /* who applies will look, as a rule soon */
		mirror_link_ping(f->link);
		mirror_link_ping(f->link);
		assert_int_equal(f->job_count, 1); /* but is slow */
		run_jobs(f);
		assert_answered(f, number);
		assert_int_equal(f->applied, i + 1);
		assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PING}), 0);
	}
}

static void a_commit_whose_applying_hangs_holds_up_no_other(void **state)
{
	struct fixture *f = *state;
	uint64_t number;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	f->meanwhile = others_are_applied_meanwhile;
	f->slow = come(f, 1000, &number);
	run_jobs(f);
	assert_int_equal(f->applied, 4);
	assert_answered(f, number);
}

static void small_ones_are_applied_meanwhile(struct fixture *f)
{
	uint64_t number;
	(void)come(f, 1000, &number);
	assert_int_equal(f->job_count, 1);
	run_jobs(f);
	assert_answered(f, number);
}

static void a_large_commit_is_applied_beside_the_others(void **state)
{
	struct fixture *f = *state;
	uint64_t number;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	f->meanwhile = small_ones_are_applied_meanwhile;
	f->slow = come(f, 10 * MIB, &number);
	run_jobs(f);
	assert_int_equal(f->applied, 2);
	assert_answered(f, number);
}

/* It asks and asks. What it sends is applied, until it is told that it is out of step. */
static void a_node_that_does_not_read_is_noticed(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf pings = BUF(SIZE_MAX);
	uint64_t number;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	const struct sent *sent = ship(f, 1000);
	for (unsigned i = 0; i < 100000; i++)
		mirror_frame_add(
			&pings, &(struct mirror_frame){.type = MIRROR_PING, .number = UINT64_MAX});
	(void)come(f, 1000, &number);
	run_jobs(f);
	assert_int_equal(f->applied, 1);
	int r = 0;
	for (unsigned i = 0; i < 12 && r == 0; i++) {
		struct slice input = buf_slice(&pings);
		r = mirror_link_input(f->link, &input, &f->err);
	}
	assert_true(r < 0);
	assert_non_null(strstr(f->err.text, "does not read"));
	mirror_link_end(f->link, f->err.text);
	assert_true(wait_is_done(&sent->shipment.done) && sent->shipment.lost);
}

/* The head of a packed message, of which more will come. */
static int begin_packed(struct fixture *f, uint64_t size)
{
	AUTO(buf_free) struct buf bytes = BUF(100);
	buf_add_byte(&bytes, (char)(MIRROR_BODIES | MIRROR_PACKED));
	bytes_add_varint(&bytes, size);
	return say(
		f, &(struct mirror_frame){
			   .type = MIRROR_PART, .number = ++f->number, .bytes = buf_slice(&bytes)});
}

static void what_is_packed_counts_as_what_it_becomes(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	assert_int_equal(begin_packed(f, 500 * MIB), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(begin_packed(f, 64 * MIB - 1), 0);
	assert_true(begin_packed(f, MIB) < 0);
	assert_non_null(strstr(f->err.text, "more bytes of messages"));
}

static void of_the_largest_sort_one_comes_at_a_time(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	assert_int_equal(begin_packed(f, 65 * MIB), 0);
	assert_true(begin_packed(f, 65 * MIB) < 0);
	assert_non_null(strstr(f->err.text, "more bytes of messages"));
}

static void a_bomb_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf bytes = BUF(SIZE_MAX), lie = BUF(SIZE_MAX);
	struct mirror_packer *packer = mirror_packer_new();
	struct mirror_head head;
	greet(f, MIRROR_COMPRESS_NO, MIRROR_VERSION);
	buf_add_byte(&bytes, MIRROR_BODIES);
	for (unsigned i = 0; i < MIB; i++)
		buf_add_byte(&bytes, 'x');
	mirror_pack(packer, &bytes);
	mirror_packer_free(packer);
	assert_int_equal(mirror_head_read(buf_slice(&bytes), &head), 1);
	buf_add_byte(&lie, (char)(MIRROR_BODIES | MIRROR_PACKED));
	bytes_add_varint(&lie, 1000);
	buf_add_slice(&lie, slice_from(buf_slice(&bytes), head.len));
	struct mirror_frame frame = {
		.type = MIRROR_PART, .number = ++f->number, .last = true, .bytes = buf_slice(&lie)};
	assert_int_equal(say(f, &frame), 0);
	run_jobs(f);
	assert_non_null(strstr(f->broken.text, "larger than it says"));
}

static bool packs(struct fixture *f)
{
	uint64_t sent = atomic_load(&f->traffic.sent), plain = atomic_load(&f->traffic.sent_plain);
	(void)ship(f, 10000);
	drop_output(f);
	sent = atomic_load(&f->traffic.sent) - sent;
	plain = atomic_load(&f->traffic.sent_plain) - plain;
	assert_true(plain > 10000);
	assert_true(sent < 1000 || sent == plain);
	return sent < 1000;
}

static void messages_are_packed_for_who_knows_of_it(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_YES, MIRROR_VERSION + 1);
	assert_true(packs(f));
}

static void a_node_of_version_2_is_sent_no_packed_message(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_YES, MIRROR_VERSION_FIRST);
	assert_false(packs(f));
	assert_true(begin_packed(f, 1000) < 0); /* nor may it send one */
}

static void pong(struct fixture *f, int64_t after_ms)
{
	uint64_t number = (uint64_t)(clock_mono_ns() / 1000 - after_ms * 1000);
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PONG, .number = number}), 0);
}

static void messages_are_packed_when_the_other_node_is_far_away(void **state)
{
	struct fixture *f = *state;
	greet(f, MIRROR_COMPRESS_AUTO, MIRROR_VERSION);
	assert_true(mirror_link_round_trip_us(f->link) < 0);
	assert_false(packs(f));
	pong(f, 80);
	assert_true(packs(f));
	assert_true(mirror_link_round_trip_us(f->link) >= 80000);
	pong(f, 1); /* the way is short, the first time something waited */
	assert_false(packs(f));
	for (unsigned i = 0; i < 16; i++)
		pong(f, 40); /* it is long from now on */
	assert_true(packs(f));
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PONG, .number = 5}), 0);
	assert_true(packs(f));
}

/* Over two links, one of which packs. */
static void a_packed_request_is_served_and_its_packed_answer_taken(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_free) struct buf question = BUF(SIZE_MAX), out = BUF(SIZE_MAX);
	struct mirror_packer *packer = mirror_packer_new();
	struct mirror_frame frame;
	struct mirror_head head;
	greet(f, MIRROR_COMPRESS_YES, MIRROR_VERSION);
	buf_add_byte(&question, MIRROR_BODIES);
	for (unsigned i = 0; i < 5000; i++)
		buf_add_byte(&question, 'q');
	mirror_pack(packer, &question);
	assert_true(question.len < 100);
	assert_int_equal(say(f, &(struct mirror_frame){.type = MIRROR_PART,
					.number = ++f->number,
					.last = true,
					.bytes = buf_slice(&question)}),
		0);
	run_jobs(f);
	hear_all(f, &out);
	struct slice input = buf_slice(&out);
	assert_int_equal(mirror_frame_next(&input, &frame), 1);
	assert_int_equal(frame.type, MIRROR_PART);
	assert_int_equal(mirror_head_read(frame.bytes, &head), 1);
	assert_true(head.packed && head.kind == MIRROR_ANSWER && head.number == f->number);
	assert_int_equal(head.rest, 5000);
	mirror_packer_free(packer);
}

int main(void)
{
#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		STREAM_TEST(small_commits_pass_messages_that_are_under_way_or_wait_for_room),
		STREAM_TEST(a_small_commit_waits_for_no_round_of_all_that_are_under_way),
		STREAM_TEST(what_goes_on_has_every_eighth_turn),
		STREAM_TEST(what_is_not_applied_at_the_other_node_leaves_room_for_others),
		STREAM_TEST(a_ping_is_answered_before_the_next_part),
		STREAM_TEST(a_commit_whose_applying_hangs_holds_up_no_other),
		STREAM_TEST(a_large_commit_is_applied_beside_the_others),
		STREAM_TEST(a_node_that_does_not_read_is_noticed),
		STREAM_TEST(what_is_packed_counts_as_what_it_becomes),
		STREAM_TEST(of_the_largest_sort_one_comes_at_a_time),
		STREAM_TEST(a_bomb_ends_the_connection),
		STREAM_TEST(messages_are_packed_for_who_knows_of_it),
		STREAM_TEST(a_node_of_version_2_is_sent_no_packed_message),
		STREAM_TEST(messages_are_packed_when_the_other_node_is_far_away),
		STREAM_TEST(a_packed_request_is_served_and_its_packed_answer_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
