/* Two whole nodes on a simulated network, simulated disks and a simulated clock, seed by seed:
 *
 *     test_mirror_sim                                 some hundred seeds
 *     test_mirror_sim --seeds 10000 [--first 1]       so many; ends at the fifth that fails
 *     test_mirror_sim --first 17 --seeds 1 --verbose  the story of one
 *     test_mirror_sim --lie forgets --seeds 1000      with a part that is wrong on purpose
 *     test_mirror_sim --without delete,crash-both     what is left when that does not happen
 *
 * A seed that fails names itself and the rules that it broke, and does the same when it is run
 * again. */
#include "mirror/sim/sim.h"

#include "mirror/pairing.h"
#include "mirror/sim/check.h"
#include "mirror/sim/history.h"
#include "mirror/sim/load.h"
#include "mirror/sim/net.h"
#include "mirror/sim/node.h"
#include "mirror/sim/plan.h"
#include "mirror/sim/view.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

enum {
	SEEDS = 600, /* unless told otherwise; as far as they get in: */
	SECONDS = 20,
	FAILURES = 5,  /* then it is enough */
	STORIES = 6,   /* broken rules told of a seed */
	STUCK_S = 100, /* real time for one seed */
	POLL_MS = 25,
	WIND_DOWN_MS = 120 * 1000,   /* until who writes has ended */
	HEARD_MS = SIM_NET_SPIKE_MS, /* until nothing is late any more */
	SYNC_MS = 60 * 1000,
	AHEAD_TIMES = 5,
	HASH_SEED = 1, /* of tables: a seed's run must not hang on it */
	PATH_SIZE = 64,
};

struct options {
	uint64_t first, seeds;
	unsigned seconds, failures;
	bool verbose;
	enum sim_lie lie;
	const char *without;
};

static const char *const LIES[SIM_LIES] = {
	[SIM_HONEST] = "none",
	[SIM_FORGETS] = "forgets",
	[SIM_DROPS] = "drops",
	[SIM_NO_SKIP] = "no-skip",
	[SIM_NO_NOTES] = "no-notes",
	[SIM_GENEROUS] = "generous",
	[SIM_SWAPS] = "swaps",
	[SIM_FLIPS] = "flips",
};

/* For the report of a run that does not return. */
static volatile uint64_t running_seed;

static void PRINTF_LIKE(2, 0) print_line(struct sim *sim, const char *format, va_list args)
{
	(void)fprintf(stderr, "seed %llu, %lld ms: ", (unsigned long long)sim->seed,
		(long long)sim_now(sim->sched));
	(void)vfprintf(stderr, format, args);
	(void)fprintf(stderr, "\n");
}

void sim_broken(struct sim *sim, const char *format, ...)
{
	va_list args;
	if (sim->broken++ >= STORIES && !sim->verbose)
		return;
	va_start(args, format);
	(void)fprintf(stderr, "BROKEN ");
	print_line(sim, format, args);
	va_end(args);
}

void sim_tell(struct sim *sim, const char *format, ...)
{
	va_list args;
	if (!sim->verbose)
		return;
	va_start(args, format);
	print_line(sim, format, args);
	va_end(args);
}

/* Both know of each other, and mostly have met before. */
static void pair_both(struct sim *sim, const char *const folders[SIM_NODES])
{
	struct mirror_pairing pairing[SIM_NODES];
	struct err err;
	mirror_pairing_make(&pairing[0]);
	pairing[1] = pairing[0];
	pairing[1].is_first = false;
	pairing[1].node = id_new();
	if (!sim_once_in(sim->sched, 4)) {
		pairing[0].other = pairing[1].node;
		pairing[1].other = pairing[0].node;
	}
	for (size_t i = 0; i < SIM_NODES; i++) {
		(void)snprintf(pairing[i].peer, sizeof(pairing[i].peer), "other.example.org");
		int r = mirror_pairing_save(folders[i], &pairing[i], &err);
		must(r == 0);
	}
}

/* False: the time was over. */
static bool wait_until_true(struct sim *sim, bool (*is_true)(struct sim *sim), int64_t most_ms)
{
	int64_t until = sim_now(sim->sched) + most_ms;
	while (!is_true(sim)) {
		if (sim_now(sim->sched) >= until)
			return false;
		sim_sleep(sim->sched, POLL_MS);
	}
	return true;
}

static bool is_mended(struct sim *sim)
{
	return sim->writers == 0 && sim->faults == 0;
}

static bool get_in_sync(struct sim *sim)
{
	sim_sleep(sim->sched, HEARD_MS);
	return wait_until_true(sim, sim_is_in_sync, SYNC_MS);
}

static void tell_states(struct sim *sim)
{
	for (size_t i = 0; i < SIM_NODES; i++) {
		struct sim_node *node = sim->nodes[i];
		struct mirror_status status = {.state = MIRROR_UNPAIRED};
		if (node->state == SIM_NODE_UP)
			mirror_node_status(node->mirror, &status);
		sim_broken(sim, "they are not in sync: node %zu is %s; link: %s; merging: %s", i,
			mirror_state_text(status.state), status.error, status.merge_error);
	}
}

static void stop_both(struct sim *sim)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_stop(sim->nodes[i]);
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_close(sim->nodes[i]);
}

static bool is_empty(struct sim *sim)
{
	return sim_left(sim->sched) == 1; /* who asks */
}

/* From the beginning to the end. */
static void direct(void *context)
{
	struct sim *sim = context;
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_start(sim->nodes[i]);
	sim_load_start(sim);
	sim_views_start(sim);
	sim_sleep(sim->sched, sim_plan_start(sim));
	sim->load_over = true;
	sim_tell(sim, "the load is over");
	if (!wait_until_true(sim, is_mended, WIND_DOWN_MS)) {
		sim_broken(sim, "the load does not end: %u writers, %u faults", sim->writers,
			sim->faults);
	} else if (!get_in_sync(sim)) {
		tell_states(sim);
	} else {
		sim_tell(sim, "they are in sync");
		sim_check(sim);
		for (size_t i = 0; i < SIM_NODES; i++)
			sim_load_deliver(sim->nodes[i], 0);
	}
	stop_both(sim);
	if (!wait_until_true(sim, is_empty, SYNC_MS))
		sim_broken(sim, "something runs on and on");
	sim_stop(sim->sched);
}

/* Some answer when their own disk has it. Not by the generator, so that a seed's story is else what
 * it was before there was this. */
static void choose_ahead(struct sim *sim)
{
	uint64_t mixed = (sim->seed + 7) * UINT64_C(0x9e3779b97f4a7c15) >> 40;
	for (size_t i = 0; i < SIM_NODES && mixed % AHEAD_TIMES == 0; i++)
		sim->answers_ahead[i] = (mixed / AHEAD_TIMES) % 3 != i;
}

static void sim_begin(struct sim *sim, const char *const folders[SIM_NODES])
{
	sim_sched_begin(sim->sched, sim->seed);
	sim->always_both = sim_once_in(sim->sched, 10);
	choose_ahead(sim);
	sim->history = sim_history_new();
	sim->views = sim_views_new();
	sim->net = sim_net_new(sim);
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim->nodes[i] = sim_node_new(sim, i, folders[i]);
	pair_both(sim, folders);
}

static void sim_end(struct sim *sim)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_free(sim->nodes[i]);
	sim_net_free(sim->net);
	sim_views_free(sim->views);
	sim_history_free(sim->history);
}

/* False: a rule was broken. *sched may be another one afterwards: what does not end is left as it
 * is. */
static bool run_seed(const struct options *options, uint64_t seed, struct sim_sched **sched,
	const char *const folders[SIM_NODES])
{
	struct sim *sim = ALLOC(struct sim);
	*sim = (struct sim){.seed = seed,
		.verbose = options->verbose,
		.lie = options->lie,
		.without = options->without,
		.sched = *sched};
	running_seed = seed;
	(void)alarm(STUCK_S);
	sim_begin(sim, folders);
	sim_spawn(sim->sched, SIM_NOWHERE, direct, sim);
	enum sim_end end = sim_sched_run(sim->sched);
	if (end != SIM_OVER)
		sim_broken(sim, "%s", end == SIM_STUCK ? "all wait for ever" : "there is no end");
	bool good = sim->broken == 0;
	if (sim_left(sim->sched) > 0) {
		*sched = sim_sched_new();
		return false;
	}
	sim_end(sim);
	free(sim);
	return good;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static uint64_t run_seeds(const struct options *options, const char *const folders[SIM_NODES])
{
	struct sim_sched *sched = sim_sched_new();
	struct timespec start;
	uint64_t count = 0, failed = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (count < options->seeds && failed < options->failures &&
		(options->seconds == 0 || seconds_since(&start) < options->seconds)) {
		uint64_t seed = options->first + count++;
		if (!run_seed(options, seed, &sched, folders)) {
			failed++;
			(void)printf("seed %llu failed\n", (unsigned long long)seed);
		}
		if (count % 1000 == 0)
			(void)printf("%llu seeds, %.1f s\n", (unsigned long long)count,
				seconds_since(&start));
		(void)fflush(stdout);
	}
	double took = seconds_since(&start);
	(void)printf("%llu seeds from %llu, %llu failed, %.1f s, %.0f a second\n",
		(unsigned long long)count, (unsigned long long)options->first,
		(unsigned long long)failed, took, (double)count / took);
	sim_sched_free(sched);
	return failed;
}

/* Async-signal-safe: the seed in decimal digits. */
static void name_seed(int signal_number)
{
	char text[32] = "seed                     \n";
	uint64_t seed = running_seed;
	for (size_t at = 24; at > 4 && (seed > 0 || at == 24); at--, seed /= 10)
		text[at] = (char)('0' + seed % 10);
	ssize_t written = write(2, text, 26);
	(void)written;
	if (signal_number == SIGALRM)
		_exit(1);
}

static bool read_number(const char *text, uint64_t *ret_number)
{
	return text && slice_to_u64(slice_str(text), UINT64_MAX, ret_number);
}

bool sim_has(const struct sim *sim, const char *name)
{
	struct slice rest = slice_str(sim->without);
	while (rest.len > 0)
		if (slice_eq(slice_cut(&rest, ','), slice_str(name)))
			return false;
	return true;
}

static bool read_lie(const char *text, enum sim_lie *ret_lie)
{
	for (size_t i = 0; text && i < SIM_LIES; i++)
		if (slice_eq(slice_str(text), slice_str(LIES[i]))) {
			*ret_lie = (enum sim_lie)i;
			return true;
		}
	return false;
}

static bool read_options(int count, char **words, struct options *options)
{
	bool good = true;
	for (int i = 1; good && i < count; i++) {
		struct slice word = slice_str(words[i]);
		const char *value = i + 1 < count ? words[i + 1] : NULL;
		uint64_t number;
		if (slice_eq(word, SLICE("--verbose"))) {
			options->verbose = true;
			continue;
		}
		i++;
		if (slice_eq(word, SLICE("--without")) && value) {
			options->without = value;
			continue;
		}
		good = slice_eq(word, SLICE("--lie")) ? read_lie(value, &options->lie)
						      : read_number(value, &number);
		if (slice_eq(word, SLICE("--seeds"))) {
			options->seeds = number;
			options->seconds = 0;
		} else if (slice_eq(word, SLICE("--first"))) {
			options->first = number;
		} else if (slice_eq(word, SLICE("--failures"))) {
			options->failures = (unsigned)number;
		} else if (!slice_eq(word, SLICE("--lie"))) {
			good = false;
		}
	}
	return good;
}

/* In memory, where there is such a place: pairings are synced. */
static bool make_folder(char path[PATH_SIZE])
{
	bool in_memory = access("/dev/shm", W_OK) == 0;
	(void)snprintf(path, PATH_SIZE, "%s/rookery-sim-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
	return mkdtemp(path) != NULL;
}

static void remove_folder(const char *path)
{
	struct err err;
	if (mirror_pairing_remove(path, &err) < 0 || rmdir(path) < 0)
		(void)fprintf(stderr, "%s stays\n", path);
}

static void fix_hashes(void)
{
	random_fake(HASH_SEED);
	uint64_t first = bytes_hash(SLICE("x"));
	must(first != 0);
}

int main(int count, char **words)
{
	struct options options = {
		.first = 1, .seeds = SEEDS, .seconds = SECONDS, .failures = FAILURES};
	char paths[SIM_NODES][PATH_SIZE];
	const char *const folders[SIM_NODES] = {paths[0], paths[1]};
	if (!read_options(count, words, &options)) {
		(void)fprintf(stderr,
			"usage: %s [--seeds N] [--first SEED] [--failures N] "
			"[--lie NAME] [--without NAMES] [--verbose]\n",
			words[0]);
		return 2;
	}
	(void)signal(SIGABRT, name_seed);
	(void)signal(SIGALRM, name_seed);
	log_setup(options.verbose ? LOG_DEBUG : LOG_ERROR + 1, LOG_LOGFMT, 2);
	fix_hashes();
	for (size_t i = 0; i < SIM_NODES; i++)
		if (!make_folder(paths[i])) {
			perror("mkdtemp");
			return 2;
		}
	uint64_t failed = run_seeds(&options, folders);
	for (size_t i = 0; i < SIM_NODES; i++)
		remove_folder(paths[i]);
	return failed == 0 ? 0 : 1;
}
