/* A link at each end, a thread each way that carries bytes, and threads that run jobs. */
#include "mirror/test_pair.h"

#include "mirror/link.h"
#include "mirror/rows.h"
#include "store/key.h"

#include "base/alloc.h"
#include "base/test.h"

#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

enum { AT_ONCE = 100 * 1000 }; /* bytes that a wire takes; cuts frames anywhere */

struct job {
	struct job *next;
	struct mirror_job *job;
};

struct end {
	struct pair *pair;
	struct pair_node node;
	size_t number;
	pthread_rwlock_t lock;    /* of link */
	struct mirror_link *link; /* NULL: alone */
	uint64_t linking;
	atomic_bool refuses, stalls;
	/* From here to the other. */
	pthread_t carrier;
	/* Guards the rest. */
	pthread_mutex_t work_lock;
	pthread_cond_t work;
	bool has_output, cut, closed;
	struct job *jobs;
	unsigned running;
	pthread_t workers[PAIR_WORKERS];
};

struct pair {
	struct end ends[PAIR_NODES];
	struct id cluster;
	struct mirror_traffic traffic;
};

static struct end *other_of(struct end *end)
{
	return &end->pair->ends[1 - end->number];
}

static void has_output(void *context)
{
	struct end *end = context;
	(void)pthread_mutex_lock(&end->work_lock);
	end->has_output = true;
	(void)pthread_cond_broadcast(&end->work);
	(void)pthread_mutex_unlock(&end->work_lock);
}

static void spawn(void *context, struct mirror_job *mirror_job)
{
	struct end *end = context;
	struct job *job = ALLOC(struct job);
	job->job = mirror_job;
	(void)pthread_mutex_lock(&end->work_lock);
	job->next = end->jobs;
	end->jobs = job;
	(void)pthread_cond_broadcast(&end->work);
	(void)pthread_mutex_unlock(&end->work_lock);
}

static int apply(void *context, const struct mirror_commit *commit, struct err *err)
{
	struct end *end = context;
	while (atomic_load(&end->stalls))
		(void)usleep(1000);
	if (atomic_load(&end->refuses))
		return err_temporary(err, ERR_LIMIT, "no room");
	return mirror_apply(end->node.mirror, end->linking, commit, err);
}

static bool wanted(void *context, struct id account)
{
	struct end *end = context;
	return mirror_lease_wanted(mirror_leases(end->node.mirror), end->linking, account);
}

static bool given(void *context, struct id account)
{
	struct end *end = context;
	return mirror_lease_given(mirror_leases(end->node.mirror), end->linking, account);
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

static bool linked(void *context)
{
	return false;
}

static void broken(void *context, const struct err *why)
{
	fail_msg("%s", why->text);
}

static const struct mirror_link_ops LINK_OPS = {
	has_output, has_output, spawn, apply, serve, greeted, wanted, given, linked, broken};

static void send_want(void *context, struct id account)
{
	struct end *end = context;
	(void)pthread_rwlock_rdlock(&end->lock);
	if (end->link)
		mirror_link_want(end->link, account);
	(void)pthread_rwlock_unlock(&end->lock);
}

static void send_give(void *context, struct id account)
{
	struct end *end = context;
	(void)pthread_rwlock_rdlock(&end->lock);
	if (end->link)
		mirror_link_give(end->link, account);
	(void)pthread_rwlock_unlock(&end->lock);
}

static void ship(
	void *context, const struct mirror_commit *commit, struct mirror_shipment *shipment)
{
	struct end *end = context;
	(void)pthread_rwlock_rdlock(&end->lock);
	if (end->link)
		mirror_link_ship(end->link, commit, shipment);
	else
		mirror_shipment_tell(shipment);
	(void)pthread_rwlock_unlock(&end->lock);
}

static void differ(void *context, const struct err *why)
{
	atomic_fetch_add(&((struct end *)context)->node.differed, 1);
}

static const struct mirror_peer_ops PEER = {
	.lease = {send_want, send_give}, .ship = ship, .differ = differ};

/* True when there is output; false when the link is cut. */
static bool wait_for_output(struct end *end)
{
	(void)pthread_mutex_lock(&end->work_lock);
	while (!end->has_output && !end->cut)
		(void)pthread_cond_wait(&end->work, &end->work_lock);
	end->has_output = false;
	bool cut = end->cut;
	(void)pthread_mutex_unlock(&end->work_lock);
	return !cut;
}

static void *carry(void *context)
{
	struct end *from = context, *to = other_of(from);
	AUTO(buf_free) struct buf wire = BUF(SIZE_MAX);
	struct err err;
	while (wait_for_output(from))
		while (mirror_link_output(from->link, &wire, AT_ONCE)) {
			struct slice bytes = buf_slice(&wire);
			done(mirror_link_input(to->link, &bytes, &err));
			buf_consume(&wire, wire.len - bytes.len);
		}
	return NULL;
}

static void *work(void *context)
{
	struct end *end = context;
	(void)pthread_mutex_lock(&end->work_lock);
	for (;;) {
		struct job *job = end->jobs;
		if (!job && end->closed)
			break;
		if (!job) {
			(void)pthread_cond_wait(&end->work, &end->work_lock);
			continue;
		}
		end->jobs = job->next;
		end->running++;
		(void)pthread_mutex_unlock(&end->work_lock);
		mirror_job_run(job->job);
		free(job);
		(void)pthread_mutex_lock(&end->work_lock);
		end->running--;
		(void)pthread_cond_broadcast(&end->work);
	}
	(void)pthread_mutex_unlock(&end->work_lock);
	return NULL;
}

static void open_end(struct end *end)
{
	struct mirror_options options = {
		.inner = &store_driver_memory, .peer = &PEER, .peer_context = end};
	struct err err;
	(void)pthread_rwlock_init(&end->lock, NULL);
	(void)pthread_mutex_init(&end->work_lock, NULL);
	(void)pthread_cond_init(&end->work, NULL);
	done(mirror_open(&options, &end->node.mirror, &err));
	struct store_options of_store = {
		.driver = &mirror_driver, .db = mirror_db(end->node.mirror)};
	done(store_open(&of_store, &end->node.store, &err));
	mirror_attach(end->node.mirror, end->node.store);
	mirror_pair(end->node.mirror, end->number == 0);
	for (size_t i = 0; i < PAIR_WORKERS; i++)
		done(pthread_create(&end->workers[i], NULL, work, end));
}

struct pair *pair_new(void)
{
	struct pair *pair = ALLOC(struct pair);
	pair->cluster = id_new();
	for (size_t i = 0; i < PAIR_NODES; i++) {
		pair->ends[i].pair = pair;
		pair->ends[i].number = i;
		open_end(&pair->ends[i]);
	}
	return pair;
}

static void close_end(struct end *end)
{
	(void)pthread_mutex_lock(&end->work_lock);
	end->closed = true;
	(void)pthread_cond_broadcast(&end->work);
	(void)pthread_mutex_unlock(&end->work_lock);
	for (size_t i = 0; i < PAIR_WORKERS; i++)
		(void)pthread_join(end->workers[i], NULL);
	store_close(end->node.store);
	(void)pthread_cond_destroy(&end->work);
	(void)pthread_mutex_destroy(&end->work_lock);
	(void)pthread_rwlock_destroy(&end->lock);
}

void pair_free(struct pair *pair)
{
	if (pair->ends[0].link)
		pair_cut(pair);
	for (size_t i = 0; i < PAIR_NODES; i++)
		close_end(&pair->ends[i]);
	free(pair);
}

struct pair_node *pair_node(struct pair *pair, size_t number)
{
	return &pair->ends[number].node;
}

void pair_link(struct pair *pair)
{
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_hold_writes(pair->ends[i].node.mirror);
	for (size_t i = 0; i < PAIR_NODES; i++) {
		struct end *end = &pair->ends[i];
		struct mirror_link_options options = {.cluster = pair->cluster,
			.node = id_new(),
			.software = SLICE("test"),
			.traffic = &pair->traffic,
			.compress = MIRROR_COMPRESS_YES};
		end->cut = false;
		end->has_output = true; /* HELLO */
		end->link = mirror_link_new(&options, &LINK_OPS, end);
		end->linking = mirror_linked(end->node.mirror, NULL, 0);
	}
	for (size_t i = 0; i < PAIR_NODES; i++)
		done(pthread_create(&pair->ends[i].carrier, NULL, carry, &pair->ends[i]));
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_let_write(pair->ends[i].node.mirror);
}

static void stop_carrying(struct end *end)
{
	(void)pthread_mutex_lock(&end->work_lock);
	end->cut = true;
	(void)pthread_cond_broadcast(&end->work);
	(void)pthread_mutex_unlock(&end->work_lock);
	(void)pthread_join(end->carrier, NULL);
}

static void end_link(struct end *end)
{
	(void)pthread_rwlock_wrlock(&end->lock);
	struct mirror_link *link = end->link;
	end->link = NULL;
	(void)pthread_rwlock_unlock(&end->lock);
	mirror_alone(end->node.mirror);
	mirror_link_end(link, NULL);
	(void)pthread_mutex_lock(&end->work_lock);
	while (end->jobs || end->running > 0)
		(void)pthread_cond_wait(&end->work, &end->work_lock);
	(void)pthread_mutex_unlock(&end->work_lock);
	mirror_link_free(link);
}

void pair_cut(struct pair *pair)
{
	for (size_t i = 0; i < PAIR_NODES; i++)
		stop_carrying(&pair->ends[i]);
	for (size_t i = 0; i < PAIR_NODES; i++)
		end_link(&pair->ends[i]);
}

void pair_refuse(struct pair *pair, size_t number, bool refuse)
{
	atomic_store(&pair->ends[number].refuses, refuse);
}

void pair_stall(struct pair *pair, size_t number, bool stall)
{
	atomic_store(&pair->ends[number].stalls, stall);
}

/* All rows of a store; but what a node notes for itself. */
static bool add_row(void *context, struct slice key, struct slice value)
{
	if (key.ptr[0] != KEY_BASE)
		mirror_rows_add(context, key, value);
	return true;
}

static void rows_of(struct store *store, struct mirror_rows *rows)
{
	struct store_db *db;
	struct err err;
	const struct store_driver *driver = store_driver_of(store, &db);
	done(driver->scan(db, NULL, SLICE("\""), SLICE("\xff"), false, add_row, rows, &err));
}

static void print_row(const char *where, const struct mirror_row *row)
{
	print_message("%s: ", where);
	for (size_t i = 0; i < row->key.len; i++)
		print_message(i == 0 ? "%c " : "%02x", (unsigned char)row->key.ptr[i]);
	print_message(" =");
	for (size_t i = 0; i < row->value.len; i++)
		print_message(" %02x", (unsigned char)row->value.ptr[i]);
	print_message("\n");
}

/* Rows of `a` that `b` has not, or otherwise. */
static size_t print_missing(
	const char *where, const struct mirror_rows *a, const struct mirror_rows *b)
{
	size_t count = 0;
	for (size_t i = 0; i < a->count; i++) {
		if (a->list[i].key.ptr[0] == KEY_OFFER) /* the second node's, of the last merge */
			continue;
		const struct mirror_row *there = mirror_rows_find(b, a->list[i].key);
		if (there && slice_eq(there->value, a->list[i].value))
			continue;
		count++;
		print_row(where, &a->list[i]);
	}
	return count;
}

static void fail_finding(void *context, const struct store_finding *finding)
{
	print_message("%s: %s\n", finding->object, finding->text);
	fail();
}

void stores_assert_equal(struct store *a, struct store *b)
{
	struct mirror_rows rows = MIRROR_ROWS_NONE, others = MIRROR_ROWS_NONE;
	struct err err;
	rows_of(a, &rows);
	rows_of(b, &others);
	assert_int_equal(print_missing("here", &rows, &others), 0);
	assert_int_equal(print_missing("there", &others, &rows), 0);
	mirror_rows_free(&rows);
	mirror_rows_free(&others);
	done(store_check(a, fail_finding, NULL, NULL, &err));
	done(store_check(b, fail_finding, NULL, NULL, &err));
}

void pair_assert_equal(struct pair *pair)
{
	stores_assert_equal(pair->ends[0].node.store, pair->ends[1].node.store);
}
