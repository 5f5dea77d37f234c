/* The limit of a disk for durable appends: N writers append records to one file and each waits
 * until an fdatasync() that began after its write has ended; one sync serves all who wait for it.
 *
 * limit FILE THREADS BYTES SECONDS   prints "RESULT key=value ..." and removes the file. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 1024 };

struct log {
	int fd;
	size_t record;
	atomic_bool stopping;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t synced;
	off_t end;
	uint64_t begun, done; /* syncs, numbered from 1 */
	bool syncing;
	uint64_t appended;
};

static void fail(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Until a sync that begins from now on is done. Called and left with the lock held. */
static void wait_durable(struct log *log)
{
	uint64_t need = log->begun + 1;
	while (log->done < need) {
		if (log->syncing) {
			pthread_cond_wait(&log->synced, &log->lock);
			continue;
		}
		uint64_t mine = ++log->begun;
		log->syncing = true;
		pthread_mutex_unlock(&log->lock);
		if (fdatasync(log->fd))
			fail("fdatasync");
		pthread_mutex_lock(&log->lock);
		log->done = mine;
		log->syncing = false;
		pthread_cond_broadcast(&log->synced);
	}
}

static void *writer(void *argument)
{
	struct log *log = argument;
	char *record = malloc(log->record);
	if (!record)
		fail("memory");
	memset(record, 'r', log->record);
	while (!atomic_load(&log->stopping)) {
		pthread_mutex_lock(&log->lock);
		off_t at = log->end;
		log->end += (off_t)log->record;
		pthread_mutex_unlock(&log->lock);
		if (pwrite(log->fd, record, log->record, at) != (ssize_t)log->record)
			fail("write");
		pthread_mutex_lock(&log->lock);
		wait_durable(log);
		log->appended++;
		pthread_mutex_unlock(&log->lock);
	}
	free(record);
	return NULL;
}

static double seconds(clockid_t clock)
{
	struct timespec t;
	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	long count = argc == 5 ? strtol(argv[2], NULL, 10) : 0;
	long record = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
	double time_s = argc == 5 ? strtod(argv[4], NULL) : 0;
	if (count < 1 || count > THREADS_MAX || record < 1 || time_s <= 0) {
		fprintf(stderr, "usage: limit FILE THREADS BYTES SECONDS\n");
		return 2;
	}
	struct log log = {.record = (size_t)record,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.synced = PTHREAD_COND_INITIALIZER};
	log.fd = open(argv[1], O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	if (log.fd < 0 || unlink(argv[1]))
		fail(argv[1]);
	pthread_t threads[THREADS_MAX];
	double begin = seconds(CLOCK_MONOTONIC);
	for (long i = 0; i < count; i++)
		if ((errno = pthread_create(&threads[i], NULL, writer, &log)))
			fail("thread");
	struct timespec pause = {.tv_sec = (time_t)time_s,
		.tv_nsec = (long)((time_s - (double)(time_t)time_s) * 1e9)};
	(void)nanosleep(&pause, NULL);
	atomic_store(&log.stopping, true);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	double spent = seconds(CLOCK_MONOTONIC) - begin;
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	printf("RESULT threads=%ld bytes=%ld rate=%.1f mb_s=%.1f syncs_s=%.1f cpu_us=%.1f\n", count,
		record, (double)log.appended / spent,
		(double)log.appended * (double)record / spent / 1e6, (double)log.done / spent,
		cpu * 1e6 / (double)log.appended);
	return 0;
}
