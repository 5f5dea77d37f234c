/* How many syncs the commits of many writers cost: by a disk that counts, and a clock that stands
 * still but while the applier waits. A writer of the other node commits again when it is answered,
 * which reaches it, and its next commit this node, only in that time. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

enum { WRITERS = 16, ROUNDS = 10 };

struct fixture {
	struct waiter waiter; /* of the thread that applies: first */
	struct mirror_link *link;
	struct mirror_link_options options;
	struct mirror_traffic traffic;
	struct mirror_job *job;
	unsigned writers; /* that commit again and again */
	unsigned left;    /* commits of theirs that are to come */
	unsigned syncs, commits, pauses;
	uint64_t last_number;
};

/* A commit comes whole, and the input ends behind it. */
static void arrive(struct fixture *f)
{
	struct id account = id_new();
	struct store_batch batch;
	struct mirror_commit commit = {&account, 1, &batch};
	AUTO(buf_free) struct buf bytes = BUF(1000);
	store_batch_init(&batch);
	mirror_commit_add(&bytes, &commit);
	AUTO(buf_free) struct buf in = BUF(2000);
	mirror_frame_add(&in, &(struct mirror_frame){.type = MIRROR_PART,
				      .number = ++f->last_number,
				      .last = true,
				      .bytes = buf_slice(&bytes)});
	struct slice input = buf_slice(&in);
	struct err err;
	assert_int_equal(mirror_link_input(f->link, &input, &err), 0);
	store_batch_free(&batch);
}

static void nothing(void *context)
{
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
	f->syncs++;
	f->commits += (unsigned)MAX(commit->joined, (size_t)1);
	return 0;
}

static int serve(
	void *context, unsigned message, struct slice bytes, struct buf *answer, struct err *err)
{
	return err_permanent(err, ERR_BAD_INPUT, "only commits");
}

static int greeted(void *context, const struct mirror_frame *hello, struct err *err)
{
	return 0;
}

static bool no_lease(void *context, struct id account)
{
	return false;
}

static bool linked(void *context)
{
	return false;
}

static void broken(void *context, const struct err *why)
{
	fail_msg("%s", why->text);
}

static const struct mirror_link_ops OPS = {
	nothing, nothing, spawn, apply, serve, greeted, no_lease, no_lease, linked, broken};

/* The applier waits: time for those who were answered. */
static bool pass_time(struct waiter *waiter, struct wait *wait, int64_t deadline)
{
	struct fixture *f = (struct fixture *)waiter;
	assert_true(deadline - clock_mono_ms() <= 1); /* nobody is kept for longer */
	f->pauses++;
	for (unsigned i = 0; i < f->writers && f->left > 0; i++, f->left--)
		arrive(f);
	return false;
}

static void never(struct waiter *waiter)
{
	fail();
}

static void block(struct waiter *waiter, bool begins)
{
}

static int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	f->waiter = (struct waiter){pass_time, never, block, never};
	f->options = (struct mirror_link_options){.cluster = id_new(),
		.node = id_new(),
		.software = SLICE("test"),
		.traffic = &f->traffic};
	f->link = mirror_link_new(&f->options, &OPS, f);
	AUTO(buf_free) struct buf in = BUF(2000);
	mirror_frame_add(&in, &(struct mirror_frame){.type = MIRROR_HELLO,
				      .first_version = MIRROR_VERSION,
				      .last_version = MIRROR_VERSION,
				      .cluster = f->options.cluster,
				      .node = id_new(),
				      .software = SLICE("9.9")});
	struct slice input = buf_slice(&in);
	struct err err;
	assert_int_equal(mirror_link_input(f->link, &input, &err), 0);
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

/* The first commits are there at once; who is answered after the applier has gone comes one by
 * one. */
static void write_all(struct fixture *f, unsigned writers)
{
	f->writers = writers;
	f->left = writers * (ROUNDS - 1);
	for (unsigned i = 0; i < writers; i++)
		arrive(f);
	while (f->job) {
		struct mirror_job *job = f->job;
		f->job = NULL;
		wait_use(&f->waiter);
		mirror_job_run(job);
		wait_use(NULL);
		if (!f->job && f->left > 0) {
			f->left--;
			arrive(f);
		}
	}
	assert_int_equal(f->commits, writers * ROUNDS);
}

static void many_writers_share_their_syncs(void **state)
{
	struct fixture *f = *state;
	write_all(f, WRITERS);
	assert_int_equal(f->syncs, ROUNDS);
	assert_true(f->pauses <= ROUNDS);
}

static void few_writers_are_not_kept_waiting(void **state)
{
	struct fixture *f = *state;
	write_all(f, 3);
	assert_int_equal(f->pauses, 0);
}

/* As many as the last time are there already. */
static void nobody_waits_for_those_who_have_come(void **state)
{
	struct fixture *f = *state;
	f->writers = 0;
	for (unsigned i = 0; i < WRITERS; i++)
		arrive(f);
	struct mirror_job *job = f->job;
	f->job = NULL;
	/* One turn's worth is more than a turn takes: 128 commits. */
	while (f->last_number < 2 * 128)
		arrive(f);
	wait_use(&f->waiter);
	mirror_job_run(job);
	wait_use(NULL);
	assert_int_equal(f->syncs, 2);
	assert_int_equal(f->pauses, 1); /* behind the second one */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(many_writers_share_their_syncs),
		TEST(few_writers_are_not_kept_waiting),
		TEST(nobody_waits_for_those_who_have_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
