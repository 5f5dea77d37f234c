/* A child process (this program again) commits from several threads and tells each acknowledgement
 * through a pipe; it is killed at some moment. What it told must be there. */
#include "store/drivers/embedded/test_support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 6, STEP = 17, PER_ROUND = 1 << 20 };

struct worker {
	struct place_of_test *p;
	uint64_t next;
	int pipe;
};

static void *work(void *argument)
{
	struct worker *w = argument;
	for (;; w->next += THREADS) {
		struct err err = {0};
		if (test_commit(w->p, w->next, &err) != 0 ||
			write(w->pipe, &w->next, sizeof(w->next)) != sizeof(w->next))
			_exit(1);
	}
	return NULL;
}

/* The child's main: path of the store, number of its first commit, the pipe. */
static void child(const char *path, const char *first_text, const char *pipe_text)
{
	struct place_of_test *p = ALLOC(struct place_of_test);
	pthread_t threads[THREADS];
	struct worker workers[THREADS];
	uint64_t first, pipe;
	if (!slice_to_u64(slice_str(first_text), UINT64_MAX, &first) ||
		!slice_to_u64(slice_str(pipe_text), INT32_MAX, &pipe))
		_exit(1);
	(void)snprintf(p->path, sizeof(p->path), "%s", path);
	p->files = &embedded_files_system;
	p->segment_bytes = 1 << 20;
	test_open(p);
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){p, first + i, (int)pipe};
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			_exit(1);
	}
	(void)pause();
	_exit(1);
}

static pid_t start_child(struct place_of_test *p, uint64_t first, int pipe)
{
	char first_text[24], pipe_text[24];
	(void)snprintf(first_text, sizeof(first_text), "%llu", (unsigned long long)first);
	(void)snprintf(pipe_text, sizeof(pipe_text), "%d", pipe);
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl("/proc/self/exe", "test_kill", p->path, first_text, pipe_text, NULL);
		_exit(1);
	}
	return pid;
}

/* Reads what the child told before its end; returns how many, and fails if one is not there. */
static size_t verify(struct place_of_test *p, int pipe, const uint64_t *told, size_t count)
{
	uint64_t n, highest[THREADS] = {0};
	test_open(p);
	for (size_t i = 0; i < count || read(pipe, &n, sizeof(n)) == sizeof(n); i++) {
		if (i < count)
			n = told[i];
		else
			count = i + 1;
		assert_int_equal(test_look(p, n), TEST_WHOLE);
		highest[n % THREADS] = n;
	}
	/* The one that was under way: whole or not at all, which test_look sees to. */
	for (size_t i = 0; i < THREADS; i++)
		if (highest[i])
			(void)test_look(p, highest[i] + THREADS);
	test_check(p);
	test_close(p);
	return count;
}

static void test_what_was_acknowledged_survives_sigkill(void **state)
{
	struct place_of_test *p = *state;
	size_t count = 0;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t told[ROUNDS * STEP];
		size_t wait_for = 1 + round * STEP;
		int ends[2], status;
		assert_int_equal(pipe(ends), 0);
		pid_t pid = start_child(p, round * PER_ROUND + THREADS, ends[1]);
		assert_true(pid > 0);
		(void)close(ends[1]);
		/* Killed by what it did, not by time: a slow machine gets as far. */
		for (size_t i = 0; i < wait_for; i++)
			assert_int_equal(read(ends[0], &told[i], sizeof(told[i])), sizeof(told[i]));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		count += verify(p, ends[0], told, wait_for);
		(void)close(ends[0]);
	}
	assert_true(count >= ROUNDS);
	print_message("%zu acknowledged commits\n", count);
}

int main(int argc, char **argv)
{
	if (argc == 4)
		child(argv[1], argv[2], argv[3]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_what_was_acknowledged_survives_sigkill, test_set_up, test_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
