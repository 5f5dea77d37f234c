/* What the embedded driver promises beyond the contract: that a store survives its process, what it
 * does about damage, and what about a disk that fails. */
#include "store/drivers/embedded/test_support.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/errno_here.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_driver *const driver = &store_driver_embedded;

static void commit(struct place_of_test *p, uint64_t n)
{
	struct err err = {0};
	if (test_commit(p, n, &err) != 0)
		fail_msg("commit %llu: %s", (unsigned long long)n, err.text);
}

/* Lets go of the store without its goodbye: what the index holds in memory only is lost, as when
 * the process is killed. */
static void drop(struct place_of_test *p)
{
	struct place_of_test copy = *p;
	AUTO_FREE char *from = embedded_path(p->path, "segments");
	char moved[128], command[512];
	(void)snprintf(moved, sizeof(moved), "%s/moved", p->folder);
	/* The segments as they are now, and no index: everything is replayed. */
	(void)snprintf(command, sizeof(command), "mkdir %s && cp -r %s %s/FORMAT %s/", moved, from,
		p->path, moved);
	assert_int_equal(system(command), 0);
	test_close(&copy);
	test_remove_tree(p->path);
	assert_int_equal(rename(moved, p->path), 0);
	p->db = NULL;
}

static char *segment_file(struct place_of_test *p, uint32_t number)
{
	AUTO_FREE char *folder = embedded_path(p->path, "segments");
	return embedded_segment_path(folder, number);
}

/* Turns one bit of a segment around. */
static void damage(struct place_of_test *p, uint32_t number, uint64_t offset)
{
	AUTO_FREE char *path = segment_file(p, number);
	char byte;
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
	(void)close(fd);
}

static uint64_t end_of_log(struct place_of_test *p)
{
	return embedded_journal_applied(&p->db->journal).offset;
}

static void test_everything_is_there_after_closing_and_opening(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	test_open(p);
	for (uint64_t n = 1; n <= 50; n++)
		commit(p, n);
	assert_int_equal(test_release(p, 7, &err), 0);
	test_close(p);
	test_open(p);
	for (uint64_t n = 1; n <= 50; n++)
		assert_int_equal(test_look(p, n), n == 7 ? TEST_RELEASED : TEST_WHOLE);
	test_check(p);
}

static void test_an_index_that_is_behind_is_brought_up(void **state)
{
	struct place_of_test *p = *state;
	test_open(p);
	for (uint64_t n = 1; n <= 50; n++)
		commit(p, n);
	struct store_driver_figures before = driver->figures(p->db);
	assert_true(before.segments == 1);
	drop(p);
	test_open(p);
	for (uint64_t n = 1; n <= 50; n++)
		assert_int_equal(test_look(p, n), TEST_WHOLE);
	test_check(p);
	assert_int_equal(driver->figures(p->db).segment_dead_bytes, before.segment_dead_bytes);
}

static void test_a_store_is_open_once(void **state)
{
	struct place_of_test *p = *state;
	struct store_driver_options options = {.path = p->path};
	struct store_db *second;
	struct err err = {0};
	test_open(p);
	assert_true(driver->open(&options, &second, &err) < 0);
	assert_int_equal(err.kind, ERR_IN_USE);
	test_close(p);
	assert_int_equal(driver->open(&options, &second, &err), 0);
	driver->close(second);
}

static void test_a_newer_format_is_refused(void **state)
{
	struct place_of_test *p = *state;
	struct store_driver_options options = {.path = p->path};
	struct err err = {0};
	AUTO_FREE char *format = embedded_path(p->path, "FORMAT");
	test_open(p);
	test_close(p);
	assert_int_equal(unlink(format), 0);
	assert_int_equal(embedded_files_create(&embedded_files_system, format,
				 SLICE("rookery-store 2 0123456789abcdef\n"), &err),
		0);
	assert_true(driver->open(&options, &p->db, &err) < 0);
	assert_non_null(strstr(err.text, "version 2"));
	p->db = NULL;
}

static void test_keys_of_the_driver_are_not_shown_nor_written(void **state)
{
	struct place_of_test *p = *state;
	AUTO(buf_free) struct buf got = BUF(100);
	struct store_txn *txn;
	struct store_batch batch;
	struct err err = {0};
	test_open(p);
	commit(p, 1);
	assert_int_equal(driver->get(p->db, NULL, SLICE("!p"), &got, &err), STORE_ABSENT);
	store_batch_init(&batch);
	store_batch_put(&batch, SLICE("!x"), SLICE("1"));
	assert_int_equal(driver->begin(p->db, &p->account, 1, &txn, &err), 0);
	assert_true(driver->commit(txn, &batch, NULL, 0, &err) < 0);
	assert_int_equal(err.class, ERR_BUG);
	store_batch_free(&batch);
}

static void test_waiting_for_an_account_ends(void **state)
{
	struct place_of_test *p = *state;
	struct store_txn *txn, *second;
	struct err err = {0};
	test_open(p);
	p->db->lock_wait_ms = 20;
	assert_int_equal(driver->begin(p->db, &p->account, 1, &txn, &err), 0);
	assert_true(driver->begin(p->db, &p->account, 1, &second, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	driver->abort(txn);
	assert_int_equal(driver->begin(p->db, &p->account, 1, &txn, &err), 0);
	driver->abort(txn);
}

static void test_a_torn_end_is_cut_off(void **state)
{
	struct place_of_test *p = *state;
	test_open(p);
	commit(p, 1);
	commit(p, 2);
	uint64_t end = end_of_log(p);
	commit(p, 3);
	drop(p);
	damage(p, 1, end + EMBEDDED_RECORD_HEADER + 6);
	test_open(p);
	assert_int_equal(test_look(p, 2), TEST_WHOLE);
	assert_int_equal(test_look(p, 3), TEST_NOTHING);
	assert_int_equal(end_of_log(p), end);
	commit(p, 3);
	test_check(p);
}

static void assert_opens_damaged(struct place_of_test *p)
{
	struct store_driver_options options = {.path = p->path};
	struct err err = {0};
	assert_true(driver->open(&options, &p->db, &err) < 0);
	p->db = NULL;
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.text, "segment 1"));
}

static void test_damage_before_the_end_is_not_dropped(void **state)
{
	struct place_of_test *p = *state;
	test_open(p);
	commit(p, 1);
	uint64_t end = end_of_log(p);
	commit(p, 2);
	commit(p, 3);
	drop(p);
	damage(p, 1, end + EMBEDDED_RECORD_HEADER + 6);
	assert_opens_damaged(p);
}

static void test_damage_is_seen_from_a_later_segment_too(void **state)
{
	struct place_of_test *p = *state;
	p->segment_bytes = 100000;
	test_open(p);
	commit(p, 1);
	uint64_t end = 0;
	for (uint64_t n = 2; driver->figures(p->db).segments == 1; n++) {
		end = end_of_log(p);
		commit(p, n);
	}
	/* The last record of segment 1. */
	drop(p);
	damage(p, 1, end - 8);
	assert_opens_damaged(p);
}

struct findings {
	struct buf text;
	size_t damage;
};

static void note(void *context, const struct store_finding *finding)
{
	struct findings *f = context;
	f->damage += finding->damage;
	buf_printf(&f->text, "%s: %s\n", finding->object, finding->text);
}

static void test_a_damaged_blob_is_named_and_never_served(void **state)
{
	struct place_of_test *p = *state;
	struct embedded_position place;
	struct err err = {0};
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	test_open(p);
	commit(p, 7); /* two blocks of 64 KiB */
	commit(p, 8);
	assert_int_equal(embedded_index_place(&p->db->index, test_blob(7), &place, &err), 0);
	damage(p, 1, place.offset + embedded_blob_lead(place.number) + 66000);
	/* The first block is good, the second is not. */
	assert_int_equal(driver->blob_read(p->db, test_blob(7), 0, 65536, &got, &err), 0);
	assert_int_equal(got.len, 65536);
	buf_clear(&got);
	assert_true(driver->blob_read(p->db, test_blob(7), 0, UINT64_MAX, &got, &err) < 0);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(got.len, 0);
	char text[ID_TEXT_SIZE + 1];
	id_to_text(test_blob(7), text);
	assert_non_null(strstr(err.text, text));
	assert_non_null(strstr(err.text, "in segment 1 at"));
	assert_true(driver->blob_read(p->db, test_blob(7), 65540, 1, &got, &err) < 0);
	assert_int_equal(test_look(p, 8), TEST_WHOLE);

	struct findings findings = {.text = BUF(10000)};
	assert_int_equal(driver->check(p->db, note, NULL, &findings, &err), 0);
	assert_int_equal(findings.damage, 1);
	assert_non_null(strstr(buf_cstr(&findings.text), text));
	buf_free(&findings.text);
}

static void test_a_damaged_header_of_a_blob_is_damage_too(void **state)
{
	struct place_of_test *p = *state;
	struct embedded_position place;
	struct err err = {0};
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	test_open(p);
	commit(p, 5);
	assert_int_equal(embedded_index_place(&p->db->index, test_blob(5), &place, &err), 0);
	damage(p, 1, place.offset + EMBEDDED_BLOB_HEADER);
	assert_true(driver->blob_read(p->db, test_blob(5), 0, 10, &got, &err) < 0);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(got.len, 0);
}

static void test_compaction_keeps_a_segment_with_damage(void **state)
{
	struct place_of_test *p = *state;
	struct embedded_position place;
	struct err err = {0};
	uint64_t freed;
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	test_open(p);
	for (uint64_t n = 1; n <= 10; n++)
		commit(p, n);
	for (uint64_t n = 1; n <= 8; n++)
		assert_int_equal(test_release(p, n, &err), 0);
	assert_int_equal(embedded_index_place(&p->db->index, test_blob(9), &place, &err), 0);
	damage(p, 1, place.offset + 100);
	assert_int_equal(driver->compact(p->db, true, NULL, NULL, &freed, &err), 0);
	AUTO_FREE char *path = segment_file(p, 1);
	assert_int_equal(access(path, F_OK), 0);
	assert_true(driver->blob_read(p->db, test_blob(9), 0, 10, &got, &err) < 0);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(test_look(p, 10), TEST_WHOLE);
}

static void test_compaction_gives_space_back_that_stays_given_back(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	uint64_t freed, live = 0;
	test_open(p);
	for (uint64_t n = 1; n <= 60; n++)
		commit(p, n);
	for (uint64_t n = 1; n <= 60; n++)
		if (n % 10)
			assert_int_equal(test_release(p, n, &err), 0);
		else
			live += 70000 * (n % 7 == 0) + n * 997 % 20000;
	uint64_t before = driver->figures(p->db).segment_bytes;
	assert_int_equal(driver->compact(p->db, true, NULL, NULL, &freed, &err), 0);
	struct store_driver_figures after = driver->figures(p->db);
	assert_true(freed > 500000 && freed <= before);
	assert_true(after.segment_bytes < live + 80000);
	assert_true(after.segment_dead_bytes < 5000);
	/* A second time finds nothing to do. */
	assert_int_equal(driver->compact(p->db, true, NULL, NULL, &freed, &err), 0);
	assert_int_equal(freed, 0);
	test_check(p);
	test_close(p);
	test_open(p);
	for (uint64_t n = 1; n <= 60; n++)
		assert_int_equal(test_look(p, n), n % 10 ? TEST_RELEASED : TEST_WHOLE);
	test_check(p);
}

static void test_a_backup_is_a_store_of_that_moment(void **state)
{
	struct place_of_test *p = *state;
	struct err err = {0};
	p->segment_bytes = 200000;
	test_open(p);
	for (uint64_t n = 1; n <= 30; n++)
		commit(p, n);
	struct place_of_test copy = *p;
	(void)snprintf(copy.path, sizeof(copy.path), "%s/copy", p->folder);
	assert_int_equal(driver->backup(p->db, copy.path, NULL, NULL, &err), 0);
	for (uint64_t n = 31; n <= 40; n++)
		commit(p, n);
	test_open(&copy); /* beside the first one */
	for (uint64_t n = 1; n <= 40; n++)
		assert_int_equal(test_look(&copy, n), n <= 30 ? TEST_WHOLE : TEST_NOTHING);
	commit(&copy, 100);
	test_check(&copy);
	test_close(&copy);
	assert_int_equal(test_look(p, 100), TEST_NOTHING);
	commit(p, 41);
	test_check(p);
	assert_true(driver->backup(p->db, copy.path, NULL, NULL, &err) < 0);
	assert_int_equal(err.kind, ERR_EXISTS);
}

/* A disk that fails: */

struct failing {
	struct embedded_files files;
	int sync_errno, allocate_errno, write_errno; /* 0: works */
};

static int failing_fdatasync(void *context, int fd)
{
	struct failing *f = context;
	errno = f->sync_errno;
	return f->sync_errno ? -1 : embedded_files_system.fdatasync(NULL, fd);
}

static int failing_fallocate(void *context, int fd, uint64_t offset, uint64_t len)
{
	struct failing *f = context;
	errno = f->allocate_errno;
	return f->allocate_errno ? -1 : embedded_files_system.fallocate(NULL, fd, offset, len);
}

/* Writes half of it first, as a full disk does. */
static ssize_t failing_pwritev(
	void *context, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct failing *f = context;
	if (f->write_errno && iov->iov_len > 8) {
		struct iovec half = {iov->iov_base, iov->iov_len / 2};
		(void)embedded_files_system.pwritev(NULL, fd, &half, 1, offset);
	}
	errno = f->write_errno;
	return f->write_errno ? -1 : embedded_files_system.pwritev(NULL, fd, iov, count, offset);
}

static void open_failing(struct place_of_test *p, struct failing *f)
{
	*f = (struct failing){.files = embedded_files_system};
	f->files.context = f;
	f->files.fdatasync = failing_fdatasync;
	f->files.fallocate = failing_fallocate;
	f->files.pwritev = failing_pwritev;
	p->files = &f->files;
	test_open(p);
}

static void assert_temporary(struct place_of_test *p, uint64_t n)
{
	struct err err = {0};
	assert_true(test_commit(p, n, &err) < 0);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_int_equal(test_look(p, n), TEST_NOTHING);
}

static void full_disk(struct place_of_test *p, int allocate_errno, int write_errno)
{
	struct failing f;
	open_failing(p, &f);
	commit(p, 1);
	f.allocate_errno = allocate_errno;
	f.write_errno = write_errno;
	uint64_t n = 105, refused = 0;
	for (; n < 210; n += 7) { /* until what was allocated ahead is used up, and on */
		struct err err = {0};
		int rc = test_commit(p, n, &err);
		refused += rc < 0;
		assert_int_equal(test_look(p, n), rc < 0 ? TEST_NOTHING : TEST_WHOLE);
		assert_true(rc == 0 || err.class == ERR_TEMPORARY);
	}
	n -= 7;
	assert_true(refused > 0);
	assert_true(driver->figures(p->db).failed);
	assert_int_equal(test_look(p, 1), TEST_WHOLE);
	f.allocate_errno = f.write_errno = 0;
	commit(p, 2);
	assert_false(driver->figures(p->db).failed);
	test_check(p);
	drop(p);
	p->files = &embedded_files_system;
	test_open(p);
	assert_int_equal(test_look(p, 1), TEST_WHOLE);
	assert_int_equal(test_look(p, 2), TEST_WHOLE);
	assert_int_equal(test_look(p, n), TEST_NOTHING);
}

static void test_a_full_disk_refuses_and_recovers(void **state)
{
	full_disk(*state, ENOSPC, 0);
}

static void test_a_disk_that_is_full_in_the_middle_of_a_write_too(void **state)
{
	full_disk(*state, 0, ENOSPC);
}

static void final_failure(struct place_of_test *p, int sync_errno, int write_errno)
{
	struct failing f;
	open_failing(p, &f);
	commit(p, 1);
	f.sync_errno = sync_errno;
	f.write_errno = write_errno;
	assert_temporary(p, 2);
	f.sync_errno = f.write_errno = 0;
	assert_temporary(p, 3); /* the disk works again: that proves nothing */
	assert_true(driver->figures(p->db).failed);
	assert_int_equal(test_look(p, 1), TEST_WHOLE);
	test_close(p);
	p->files = &embedded_files_system;
	test_open(p);
	assert_int_equal(test_look(p, 1), TEST_WHOLE);
	assert_int_equal(test_look(p, 2), TEST_NOTHING);
	commit(p, 2);
	test_check(p);
}

static void test_a_failed_sync_is_final_until_restart(void **state)
{
	final_failure(*state, EIO, 0);
}

static void test_a_sync_without_space_is_final_too(void **state)
{
	final_failure(*state, ENOSPC, 0);
}

static void test_a_failed_write_is_final_until_restart(void **state)
{
	final_failure(*state, 0, EIO);
}

/* An index that refuses: RocksDB's write is taken over by this program's. */

static bool refuse_index;

void rocksdb_write(rocksdb_t *db, const rocksdb_writeoptions_t *options,
	rocksdb_writebatch_t *batch, char **message)
{
	typedef void write_function(
		rocksdb_t *, const rocksdb_writeoptions_t *, rocksdb_writebatch_t *, char **);
	static write_function *real;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "rocksdb_write");
	if (refuse_index)
		*message = slice_dup(SLICE("IO error: refused"));
	else
		real(db, options, batch, message);
}

static void test_what_the_index_refuses_leaves_the_log(void **state)
{
	struct place_of_test *p = *state;
	p->segment_bytes = 100000;
	test_open(p);
	commit(p, 1);
	struct embedded_position before = embedded_journal_applied(&p->db->journal);
	refuse_index = true;
	assert_temporary(p, 2);
	assert_temporary(p, 7);
	assert_temporary(p, 14); /* would have been in the next segment */
	refuse_index = false;
	assert_true(driver->figures(p->db).failed);
	clock_fake(clock_mono_ms() + 61000, clock_wall_ms());
	assert_false(driver->figures(p->db).failed); /* told for a minute */
	clock_fake(-1, -1);
	assert_true(driver->figures(p->db).failed);
	assert_int_equal(p->db->journal.end, before.offset);
	assert_int_equal(p->db->journal.next_seq, before.number);
	commit(p, 3);
	assert_false(driver->figures(p->db).failed);
	commit(p, 21);
	test_check(p);
	drop(p);
	test_open(p);
	assert_int_equal(test_look(p, 1), TEST_WHOLE);
	assert_int_equal(test_look(p, 2), TEST_NOTHING);
	assert_int_equal(test_look(p, 7), TEST_NOTHING);
	assert_int_equal(test_look(p, 3), TEST_WHOLE);
	assert_int_equal(test_look(p, 21), TEST_WHOLE);
}

/* What the sweep will look at. */
static size_t count_suspects(struct place_of_test *p)
{
	struct embedded_walk walk;
	struct slice key, value;
	size_t count = 0;
	embedded_walk_init(&walk, &p->db->index, SLICE("!d"), SLICE("!e"), false, false);
	while (embedded_walk_next(&walk, &key, &value))
		count++;
	assert_int_equal(embedded_walk_free(&walk, NULL), 0);
	return count;
}

static void test_only_blobs_without_a_reference_are_suspect(void **state)
{
	enum { COUNT = 40, LONELY = 17 };
	struct place_of_test *p = *state;
	struct store_new_blob blobs[COUNT];
	struct store_batch batch;
	struct store_txn *txn;
	struct err err = {0};
	test_open(p);
	store_batch_init(&batch);
	for (uint64_t i = 0; i < COUNT; i++) {
		struct id blob = test_blob(i);
		char key[1 + ID_SIZE + 1] = {STORE_KEY_BLOB_REF};
		/* In another order than their references. */
		blobs[i] = (struct store_new_blob){test_blob(i * 7 % COUNT), SLICE("body")};
		memcpy(key + 1, blob.bytes, ID_SIZE);
		if (i != LONELY)
			store_batch_put(&batch, slice(key, sizeof(key)), SLICE_NONE);
	}
	assert_int_equal(driver->begin(p->db, &p->account, 1, &txn, &err), 0);
	assert_int_equal(driver->commit(txn, &batch, blobs, COUNT, &err), 0);
	store_batch_free(&batch);
	assert_int_equal(count_suspects(p), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_everything_is_there_after_closing_and_opening),
		CASE(test_an_index_that_is_behind_is_brought_up),
		CASE(test_a_store_is_open_once),
		CASE(test_a_newer_format_is_refused),
		CASE(test_keys_of_the_driver_are_not_shown_nor_written),
		CASE(test_waiting_for_an_account_ends),
		CASE(test_a_torn_end_is_cut_off),
		CASE(test_damage_before_the_end_is_not_dropped),
		CASE(test_damage_is_seen_from_a_later_segment_too),
		CASE(test_a_damaged_blob_is_named_and_never_served),
		CASE(test_a_damaged_header_of_a_blob_is_damage_too),
		CASE(test_compaction_keeps_a_segment_with_damage),
		CASE(test_compaction_gives_space_back_that_stays_given_back),
		CASE(test_a_backup_is_a_store_of_that_moment),
		CASE(test_a_full_disk_refuses_and_recovers),
		CASE(test_a_disk_that_is_full_in_the_middle_of_a_write_too),
		CASE(test_a_failed_sync_is_final_until_restart),
		CASE(test_a_sync_without_space_is_final_too),
		CASE(test_a_failed_write_is_final_until_restart),
		CASE(test_what_the_index_refuses_leaves_the_log),
		CASE(test_only_blobs_without_a_reference_are_suspect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
