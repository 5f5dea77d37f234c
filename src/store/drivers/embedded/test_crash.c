/* Crash points: a workload is recorded, RocksDB's calls with it, and then the store is opened as a
 * crash before each of the writes and syncs would have left it, with what was not synced lost, kept
 * or torn. Whatever was acknowledged must be there whole, and whatever was not, whole or not at
 * all. */
#include "store/drivers/embedded/test_disk.h"
#include "store/drivers/embedded/test_support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 3, EACH = 4, COMMITS = THREADS * EACH };

/* When a commit and a release were acknowledged, in calls of the disk; 0 while not. */
struct acks {
	size_t committed, released;
};

struct recording {
	struct place_of_test *p;
	struct test_disk *disk;
	struct acks acks[COMMITS];
};

struct worker {
	struct recording *r;
	uint64_t first;
};

static void *work(void *argument)
{
	struct worker *w = argument;
	for (uint64_t n = w->first; n < w->first + EACH; n++) {
		struct err err = {0};
		assert_int_equal(test_commit(w->r->p, n, &err), 0);
		w->r->acks[n].committed = test_disk_calls(w->r->disk);
		if (n % 2 == 0)
			continue;
		assert_int_equal(test_release(w->r->p, n, &err), 0);
		w->r->acks[n].released = test_disk_calls(w->r->disk);
	}
	return NULL;
}

static void run_threads(struct recording *r)
{
	pthread_t threads[THREADS];
	struct worker workers[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){r, i * EACH};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
}

/* Commits in threads, a flush in between, compaction, and commits again. */
static void record(struct recording *r)
{
	struct err err = {0};
	uint64_t freed;
	r->p->files = test_disk_files(r->disk);
	test_disk_watch_index(r->disk);
	test_open(r->p);
	run_threads(r);
	assert_int_equal(embedded_index_flush(&r->p->db->index, true, &err), 0);
	assert_int_equal(
		store_driver_embedded.compact(r->p->db, true, NULL, NULL, &freed, &err), 0);
	assert_true(freed > 0);
	for (uint64_t n = 0; n < COMMITS; n += 6) {
		assert_int_equal(test_release(r->p, n, &err), 0);
		r->acks[n].released = test_disk_calls(r->disk);
	}
	test_close(r->p);
	test_disk_watch_index(NULL);
	r->p->files = &embedded_files_system;
}

static void expect(struct recording *r, struct place_of_test *after, uint64_t n, size_t calls)
{
	enum test_state state = test_look(after, n);
	struct acks acks = r->acks[n];
	if (acks.committed <= calls && state == TEST_NOTHING)
		fail_msg("commit %llu was acknowledged and is gone", (unsigned long long)n);
	if (acks.released && acks.released <= calls && state != TEST_RELEASED)
		fail_msg("release %llu was acknowledged and is undone", (unsigned long long)n);
	if (!acks.released)
		assert_int_not_equal(state, TEST_RELEASED);
}

static void crash_at(struct recording *r, size_t calls, enum test_crash crash)
{
	struct place_of_test after = *r->p;
	struct err err = {0};
	(void)snprintf(after.path, sizeof(after.path), "%s/after", r->p->folder);
	AUTO_FREE char *segments = embedded_path(after.path, "segments");
	assert_int_equal(mkdir(after.path, 0700), 0);
	assert_int_equal(mkdir(segments, 0700), 0);
	test_disk_build(r->disk, calls, crash, calls, r->p->path, after.path);
	test_open(&after);
	for (uint64_t n = 0; n < COMMITS; n++)
		expect(r, &after, n, calls);
	test_check(&after);
	assert_int_equal(test_commit(&after, 1000, &err), 0);
	assert_int_equal(test_look(&after, 1000), TEST_WHOLE);
	test_close(&after);
	test_remove_tree(after.path);
}

static void test_every_crash_point_keeps_what_was_acknowledged(void **state)
{
	struct recording *r = ALLOC(struct recording);
	r->p = *state;
	r->p->segment_bytes = 128 << 10;
	r->disk = test_disk_new();
	record(r);
	size_t calls = test_disk_calls(r->disk);
	for (size_t i = 0; i <= calls; i++)
		for (enum test_crash crash = TEST_LOST; crash < TEST_CRASHES; crash++)
			crash_at(r, i, crash);
	print_message("%zu calls of the disk, %zu crashes\n", calls, (calls + 1) * TEST_CRASHES);
	test_disk_free(r->disk);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_crash_point_keeps_what_was_acknowledged,
			test_set_up, test_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
