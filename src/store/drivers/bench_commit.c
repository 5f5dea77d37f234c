/* How many commits a second, durable before the answer: the embedded driver beside the limit, which
 * is the same bytes appended to one file with one fdatasync for all that wait. Also: what a hot
 * account reaches, what reading 10,000 bodies costs, and how long a start takes. Not part of the
 * tests: `ninja src/store/bench_commit`, then run it, with a folder if that is not to be /tmp. */
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/random.h"
#include "store/driver.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ACCOUNTS = 1000, SECONDS = 3, READS = 10000, READ_LEN = 4096, WRITERS_MAX = 256 };

struct raw {
	int fd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t end, waiting, synced; /* numbers of appends */
	bool syncing;
};

struct run {
	struct store_db *db; /* NULL: raw */
	struct raw raw;
	size_t len;
	bool hot;
	_Atomic bool stop;
	_Atomic uint64_t commits;
	char *body;
	struct id accounts[ACCOUNTS];
};

static const struct store_driver *const driver = &store_driver_embedded;

/* What a delivery writes: message row, name, counters, reference; about 300 bytes. */
static void commit_one(struct run *r, struct id account)
{
	struct store_new_blob blob = {id_new(), slice(r->body, r->len)};
	struct store_batch batch;
	struct store_txn *txn;
	struct err err = {0};
	char key[STORE_KEY_MAX] = {0}, value[200] = {1};
	store_batch_init(&batch);
	must(driver->begin(r->db, &account, 1, &txn, &err) == 0);
	static const struct {
		char kind;
		size_t key, value;
	} rows[] = {{'o', 40, 90}, {'c', 33, 60}, {'a', 17, 40}, {'x', 41, 4}, {'f', 40, 120}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		key[0] = rows[i].kind;
		memcpy(key + 1, account.bytes, ID_SIZE);
		memcpy(key + 17, blob.id.bytes, ID_SIZE);
		store_batch_put(&batch, slice(key, rows[i].key), slice(value, rows[i].value));
	}
	key[0] = STORE_KEY_BLOB_REF;
	memcpy(key + 1, blob.id.bytes, ID_SIZE);
	store_batch_put(&batch, slice(key, 49), SLICE_NONE);
	must(driver->commit(txn, &batch, &blob, 1, &err) == 0);
	store_batch_free(&batch);
}

/* The limit: append, then wait for a sync that began after it. */
static void append_one(struct run *r)
{
	struct raw *w = &r->raw;
	(void)pthread_mutex_lock(&w->lock);
	uint64_t offset = w->end, own = ++w->waiting;
	w->end += r->len;
	must(pwrite(w->fd, r->body, r->len, (off_t)offset) == (ssize_t)r->len);
	while (w->synced < own) {
		if (w->syncing) {
			(void)pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		uint64_t upto = w->waiting;
		w->syncing = true;
		(void)pthread_mutex_unlock(&w->lock);
		must(fdatasync(w->fd) == 0);
		(void)pthread_mutex_lock(&w->lock);
		w->syncing = false;
		w->synced = upto;
		(void)pthread_cond_broadcast(&w->changed);
	}
	(void)pthread_mutex_unlock(&w->lock);
}

static void *write_on(void *argument)
{
	struct run *r = argument;
	while (!atomic_load(&r->stop)) {
		if (r->db)
			commit_one(r, r->accounts[r->hot ? 0 : random_below(ACCOUNTS)]);
		else
			append_one(r);
		atomic_fetch_add(&r->commits, 1);
	}
	return NULL;
}

static double cpu_us(void)
{
	struct rusage u;
	must(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double measure(struct run *r, size_t writers, const char *name)
{
	pthread_t threads[WRITERS_MAX];
	uint64_t syncs = r->db ? driver->figures(r->db).syncs : 0;
	atomic_store(&r->stop, false);
	atomic_store(&r->commits, 0);
	double cpu = cpu_us();
	int64_t start = clock_mono_ns();
	for (size_t i = 0; i < writers; i++)
		must(pthread_create(&threads[i], NULL, write_on, r) == 0);
	(void)sleep(SECONDS);
	atomic_store(&r->stop, true);
	for (size_t i = 0; i < writers; i++)
		(void)pthread_join(threads[i], NULL);
	double seconds = (double)(clock_mono_ns() - start) / 1e9;
	double commits = (double)atomic_load(&r->commits);
	(void)printf("%-9s %3zu writers %4zu KiB: %7.0f/s  %6.1f us CPU each", name, writers,
		r->len / 1024, commits / seconds, (cpu_us() - cpu) / commits);
	if (r->db)
		(void)printf(
			"  %5.1f a sync", commits / (double)(driver->figures(r->db).syncs - syncs));
	(void)printf("\n");
	return commits / seconds;
}

static void open_store(struct run *r, const char *path)
{
	struct store_driver_options options = {.path = path};
	struct err err = {0};
	int64_t start = clock_mono_ns();
	if (driver->open(&options, &r->db, &err) != 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	(void)printf("open: %.1f ms\n", (double)(clock_mono_ns() - start) / 1e6);
}

static void measure_reads(struct run *r)
{
	struct id *ids = alloc(READS * sizeof(*ids));
	struct buf got = BUF(1 << 20);
	struct err err = {0};
	for (size_t i = 0; i < READS;) {
		struct store_new_blob blobs[100];
		struct store_batch batch;
		struct store_txn *txn;
		store_batch_init(&batch);
		for (size_t k = 0; k < ARRAY_LEN(blobs); k++, i++) {
			ids[i] = id_new();
			blobs[k] = (struct store_new_blob){ids[i], slice(r->body, READ_LEN)};
		}
		must(driver->begin(r->db, r->accounts, 1, &txn, &err) == 0);
		must(driver->commit(txn, &batch, blobs, ARRAY_LEN(blobs), &err) == 0);
	}
	for (int round = 0; round < 2; round++) {
		int64_t start = clock_mono_ns();
		double cpu = cpu_us();
		for (size_t i = 0; i < READS; i++) {
			buf_clear(&got);
			must(driver->blob_read(r->db, ids[i], 0, READ_LEN, &got, &err) == 0);
		}
		if (round)
			(void)printf("read %d bodies of %d bytes: %.2f us each, %.2f us CPU\n",
				READS, READ_LEN, (double)(clock_mono_ns() - start) / 1e3 / READS,
				(cpu_us() - cpu) / READS);
	}
	buf_free(&got);
	free(ids);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {10 << 10, 100 << 10}, writers[] = {64, 256};
	char folder[256], store[300], file[300];
	struct run *r = ALLOC(struct run);
	(void)snprintf(
		folder, sizeof(folder), "%s/rookery-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	must(mkdtemp(folder));
	(void)snprintf(store, sizeof(store), "%s/store", folder);
	(void)snprintf(file, sizeof(file), "%s/raw", folder);
	r->body = alloc(sizes[1]);
	random_bytes(r->body, sizes[1]);
	for (size_t i = 0; i < ACCOUNTS; i++)
		r->accounts[i] = id_new();
	(void)pthread_mutex_init(&r->raw.lock, NULL);
	(void)pthread_cond_init(&r->raw.changed, NULL);
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
		for (size_t w = 0; w < ARRAY_LEN(writers); w++) {
			r->len = sizes[s];
			r->raw.end = 0;
			r->raw.fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
			must(r->raw.fd >= 0);
			double limit = measure(r, writers[w], "raw");
			(void)close(r->raw.fd);
			(void)unlink(file);
			open_store(r, store);
			double got = measure(r, writers[w], "embedded");
			(void)printf("share of raw: %.0f %%\n", got / limit * 100);
			driver->close(r->db);
			(void)nftw(store, remove_one, 16, FTW_DEPTH | FTW_PHYS);
			r->db = NULL;
		}
	open_store(r, store);
	r->len = sizes[0];
	r->hot = true;
	(void)measure(r, 16, "hot");
	measure_reads(r);
	driver->close(r->db);
	open_store(r, store);
	driver->close(r->db);
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(r->body);
	free(r);
	return 0;
}
