/* mailload: a load generator for SMTP, LMTP, IMAP and POP3 servers on loopback.
 *
 * One thread, one coroutine a connection, edge-triggered epoll, so that the protocol code reads
 * like blocking code. The last line printed is "RESULT key=value ..." for scripts. */
#include "coroutine.h"
#include "message.h"
#include "modes.h"
#include "options.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TICKS = 20, LONGEST_WAIT = 200 }; /* a second; milliseconds */
enum { RAMP = 32, EVENTS = 256, SMALL_READ = 4096, LARGE_READ = 256 * 1024 };

/* `barrier`: the clock starts when all are logged in; `idle`: it ends then, and they are
 * held; `hostile`: each reads a byte a second meanwhile. */
static const struct mode {
	const char *name;
	void (*fn)(struct conn *c);
	int lmtp, barrier, idle, large, hostile;
} modes[] = {
	{.name = "smtp-in", .fn = mode_smtp},
	{.name = "lmtp", .fn = mode_smtp, .lmtp = 1},
	{.name = "imap-mix", .fn = mode_imap_mix, .barrier = 1},
	{.name = "imap-fill", .fn = mode_imap_fill},
	{.name = "imap-login", .fn = mode_imap_login},
	{.name = "imap-idle", .fn = mode_imap_idle, .idle = 1},
	{.name = "imap-fetchall", .fn = mode_imap_fetchall, .barrier = 1, .large = 1},
	{.name = "imap-fetch", .fn = mode_imap_fetch, .large = 1},
	{.name = "pop3", .fn = mode_pop3, .large = 1},
	{.name = "silent", .fn = mode_silent, .idle = 1, .hostile = 1},
	{.name = "imap-slow", .fn = mode_imap_slow, .idle = 1, .hostile = 1},
};

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	options_usage();
}

static void on_signal(int number)
{
	(void)number;
	run.stopping = 1;
}

static void allow_files(int count)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= (rlim_t)count)
		return;
	limit.rlim_cur = (rlim_t)count;
	if (limit.rlim_max < limit.rlim_cur)
		limit.rlim_max = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		perror("mailload: open files");
}

static void init_tls(void)
{
	run.tls = SSL_CTX_new(TLS_client_method());
	if (!run.tls)
		abort();
	SSL_CTX_set_verify(run.tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(run.tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(run.tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static struct conn *make_conns(const struct mode *mode)
{
	struct conn *conns = calloc((size_t)options.conns, sizeof(*conns));
	if (!conns)
		abort();
	for (int i = 0; i < options.conns; i++) {
		struct conn *c = &conns[i];
		c->id = i;
		c->fd = -1;
		c->fn = mode->fn;
		c->rng = options.seed * 1000003ULL + (uint64_t)i * 7919ULL;
		c->rc = mode->large ? LARGE_READ : SMALL_READ;
		c->rb = malloc(c->rc);
		if (!c->rb)
			abort();
	}
	return conns;
}

static void resume(struct conn *c)
{
	coroutine_resume(c);
	if (!c->done)
		return;
	c->started = 0;
	run.active--;
	conn_setup_done(c);
	coroutine_free(c);
}

static double cpu_seconds(void)
{
	struct rusage used;
	(void)getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void release_all(struct conn *conns)
{
	for (int i = 0; i < options.conns; i++)
		if (conns[i].started && conns[i].at_barrier) {
			conns[i].at_barrier = 0;
			resume(&conns[i]);
		}
}

/* Spread over the second. */
static void let_read(struct conn *conns, int64_t now)
{
	static int64_t ticks;
	int64_t until = now / (1000000000 / TICKS);
	for (ticks = ticks ? ticks : until; ticks < until; ticks++)
		for (int i = (int)(ticks % TICKS); i < options.conns; i += TICKS)
			if (conns[i].started && !conns[i].in_setup) {
				conns[i].due = 1;
				resume(&conns[i]);
			}
}

/* So that whoever reads it knows when the server stood still. */
static void tell_progress(int64_t now)
{
	static int64_t told;
	if (!options.every || now - told < options.every * 1000000LL)
		return;
	told = now;
	printf("AT %.3f %" PRIu64 " %" PRIu64 "\n", (double)now / 1e9, stats.deliveries,
		stats.errors);
}

static int wait_ms(const struct mode *mode)
{
	int most = mode->hostile ? 1000 / TICKS : LONGEST_WAIT;
	return options.every && options.every < most ? options.every : most;
}

/* Returns the CPU time that the process had used when the clock started. */
static double run_loop(const struct mode *mode, struct conn *conns)
{
	struct epoll_event events[EVENTS];
	int next = 0, announced = 0, released = 0;
	int64_t hold_end = 0;
	double cpu = cpu_seconds();
	stats.begin = stats_now();
	int64_t deadline = stats.begin + (int64_t)(options.timeout * 1e9);
	for (;;) {
		while (next < options.conns && run.in_setup < options.ramp && !run.stopping) {
			struct conn *c = &conns[next++];
			c->in_setup = mode->idle || mode->barrier;
			run.in_setup += c->in_setup;
			coroutine_make(c);
			c->started = 1;
			run.active++;
			resume(c);
		}
		if (mode->barrier && !released && next == options.conns &&
			run.at_barrier >= run.active) {
			released = 1;
			stats.begin = stats_now();
			cpu = cpu_seconds();
			release_all(conns);
		}
		if (mode->idle && !announced && next == options.conns && run.in_setup == 0) {
			announced = 1;
			stats.end = stats_now();
			printf("READY %d of %d in %.2fs\n", run.ready, options.conns,
				(double)(stats.end - stats.begin) / 1e9);
			hold_end = stats_now() + options.hold * 1000000000LL;
		}
		int64_t now = stats_now();
		if ((run.active == 0 && next == options.conns) || run.stopping ||
			(announced && now >= hold_end))
			return cpu;
		if (now > deadline && !announced) {
			fprintf(stderr, "mailload: run exceeded --timeout\n");
			stats.errors++;
			return cpu;
		}
		if (mode->hostile)
			let_read(conns, now);
		tell_progress(now);
		int n = epoll_wait(run.epoll, events, EVENTS, wait_ms(mode));
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			if (c->started && !c->done)
				resume(c);
		}
	}
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The first pass, and the median of those behind it. */
static void print_fetches(void)
{
	int passes = options.passes < FETCH_PASSES_MAX ? options.passes : FETCH_PASSES_MAX;
	int warm = passes > 1 ? 1 + (passes - 1) / 2 : 0;
	for (int i = 0; i < FETCH_COMMANDS; i++) {
		if (passes > 2)
			qsort(&fetch_seconds[i][1], (size_t)passes - 1, sizeof(double),
				compare_doubles);
		printf(" %s_cold_s=%.5f %s_warm_s=%.5f", fetch_commands[i].name,
			fetch_seconds[i][0], fetch_commands[i].name, fetch_seconds[i][warm]);
	}
}

static void print_result(const struct mode *mode, double cpu)
{
	double secs = (double)(stats.end - stats.begin) / 1e9;
	for (int i = 0; i < IMAP_OPS; i++)
		if (imap_times[i].n)
			printf("  %-9s n=%-6zu p50=%.2fms p99=%.2fms\n", imap_times[i].name,
				imap_times[i].n, histogram_quantile(&imap_times[i], .5),
				histogram_quantile(&imap_times[i], .99));
	printf("RESULT mode=%s conns=%d ops=%" PRIu64 " deliveries=%" PRIu64 " errors=%" PRIu64
	       " dropped=%" PRIu64 " secs=%.3f rate=%.1f p50_ms=%.2f p99_ms=%.2f mb_in=%.2f"
	       " mb_out=%.2f driver_cpu_s=%.3f tls=%" PRIu64,
		mode->name, options.conns, stats.ok, stats.deliveries, stats.errors, stats.dropped,
		secs, secs > 0 ? (double)stats.ok / secs : 0, histogram_quantile(&stats.all, .5),
		histogram_quantile(&stats.all, .99), (double)stats.bytes_in / 1e6,
		(double)stats.bytes_out / 1e6, cpu, stats.handshakes);
	if (mode->fn == mode_imap_fetchall)
		print_fetches();
	if (mode->idle)
		printf(" ready=%d", run.ready);
	(void)putchar('\n');
}

int main(int argc, char **argv)
{
	options_parse(argc, argv);
	const struct mode *mode = find_mode(options.mode);
	options.lmtp = mode->lmtp;
	options.hostile = mode->hostile;
	if (!options.ramp)
		options.ramp = mode->idle || mode->barrier ? RAMP : options.conns;
	char name[32];
	(void)snprintf(name, sizeof(name), "%lx.%x", (long)time(NULL), (unsigned)getpid());
	options.run = name;

	conn_resolve();
	message_init();
	init_tls();
	struct sigaction action = {.sa_handler = on_signal};
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	allow_files(options.conns + 64);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);

	double before = run_loop(mode, make_conns(mode));
	if (!stats.end)
		stats.end = stats_now();
	print_result(mode, cpu_seconds() - before);
	return stats.errors ? 1 : 0;
}
