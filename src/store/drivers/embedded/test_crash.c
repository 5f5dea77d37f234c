/* Crash points: a workload is recorded, and then the store is opened as a crash before each of its
 * writes and syncs would have left it, with what was not synced lost, kept or torn. Whatever was
 * acknowledged must be there whole, and whatever was not, whole or not at all. */
#include "store/drivers/embedded/test_disk.h"
#include "store/drivers/embedded/test_support.h"

#include "base/alloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 3, EACH = 4, COMMITS = THREADS * EACH, CHECKPOINTS = 32 };

/* When a commit and a release were acknowledged, in calls of the disk; 0 while not. */
struct acks {
	size_t committed, released;
};

struct recording {
	struct place_of_test *p;
	struct test_disk *disk;
	struct acks acks[COMMITS];
	size_t checkpoint_calls[CHECKPOINTS]; /* the index on disk is this one from here on */
	size_t checkpoints;
};

static char *checkpoint_path(struct recording *r, size_t number)
{
	char name[32];
	(void)snprintf(name, sizeof(name), "keys.%zu", number);
	return embedded_path(r->p->folder, name);
}

/* Flushes the index and keeps a copy of it. */
static void take_checkpoint(void *context)
{
	struct recording *r = context;
	char *message = NULL;
	if (!r->p->db || r->checkpoints == CHECKPOINTS)
		return;
	AUTO_FREE char *path = checkpoint_path(r, r->checkpoints);
	rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(r->p->db->index.db, &message);
	assert_null(message);
	rocksdb_checkpoint_create(c, path, 0, &message);
	assert_null(message);
	rocksdb_checkpoint_object_destroy(c);
	r->checkpoint_calls[r->checkpoints++] = test_disk_calls(r->disk);
}

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
	test_disk_before_unlink(r->disk, take_checkpoint, r);
	test_open(r->p);
	run_threads(r);
	take_checkpoint(r);
	assert_int_equal(
		store_driver_embedded.compact(r->p->db, true, NULL, NULL, &freed, &err), 0);
	assert_true(freed > 0);
	for (uint64_t n = 0; n < COMMITS; n += 6) {
		assert_int_equal(test_release(r->p, n, &err), 0);
		r->acks[n].released = test_disk_calls(r->disk);
	}
	test_close(r->p);
	r->p->files = &embedded_files_system;
}

static void copy_file(const char *from, const char *to)
{
	char step[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ssize_t n;
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, step, sizeof(step))) > 0)
		assert_int_equal(write(out, step, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

/* The index as it was on disk at that moment. */
static void copy_keys(struct recording *r, size_t calls, const char *path)
{
	size_t newest = r->checkpoints;
	while (newest > 0 && r->checkpoint_calls[newest - 1] > calls)
		newest--;
	if (newest == 0)
		return;
	AUTO_FREE char *from = checkpoint_path(r, newest - 1);
	AUTO_FREE char *to = embedded_path(path, "keys");
	assert_int_equal(mkdir(to, 0700), 0);
	DIR *dir = opendir(from);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		AUTO_FREE char *a = embedded_path(from, entry->d_name);
		AUTO_FREE char *b = embedded_path(to, entry->d_name);
		copy_file(a, b);
	}
	(void)closedir(dir);
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
	AUTO_FREE char *format = embedded_path(after.path, "FORMAT");
	if (access(format, F_OK) == 0)
		copy_keys(r, calls, after.path);
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
