/* The wires: a queue each way for leases, and one for commits. */
#include "mirror/test_pair.h"

#include "base/alloc.h"
#include "base/test.h"

#define done(call) assert_int_equal((call), 0)

enum frame_kind { FRAME_WANT, FRAME_GIVE, FRAME_COMMIT };

struct frame {
	struct frame *next;
	enum frame_kind kind;
	struct id account;
	const struct mirror_commit *commit;
	struct mirror_shipment *shipment;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t sent;
	struct frame *first, **last;
	bool closed;
};

struct end {
	struct pair *pair;
	struct pair_node node;
	size_t number;
	struct queue leases, commits; /* from here to the other */
	pthread_t threads[1 + PAIR_CARRIERS];
	atomic_bool refuses;
};

struct pair {
	struct end ends[PAIR_NODES];
	pthread_rwlock_t cutting; /* write-locked while the link changes */
	bool linked;
};

static void queue_init(struct queue *queue)
{
	*queue = (struct queue){0};
	queue->last = &queue->first;
	(void)pthread_mutex_init(&queue->lock, NULL);
	(void)pthread_cond_init(&queue->sent, NULL);
}

static void push(struct queue *queue, const struct frame *frame)
{
	struct frame *copy = ALLOC(struct frame);
	*copy = *frame;
	copy->next = NULL;
	(void)pthread_mutex_lock(&queue->lock);
	*queue->last = copy;
	queue->last = &copy->next;
	(void)pthread_cond_signal(&queue->sent);
	(void)pthread_mutex_unlock(&queue->lock);
}

/* NULL: closed. */
static struct frame *pop(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	while (!queue->first && !queue->closed)
		(void)pthread_cond_wait(&queue->sent, &queue->lock);
	struct frame *frame = queue->first;
	if (frame) {
		queue->first = frame->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	(void)pthread_mutex_unlock(&queue->lock);
	return frame;
}

static void lose(struct mirror_shipment *shipment)
{
	shipment->rc = err_temporary(&shipment->err, ERR_UNAVAILABLE, "the link is down");
	wait_done(&shipment->done);
}

/* What arrives at `to`. */
static void deliver(struct end *to, const struct frame *frame)
{
	struct mirror_leases *leases = mirror_leases(to->node.mirror);
	(void)pthread_rwlock_rdlock(&to->pair->cutting);
	bool linked = to->pair->linked;
	if (linked && frame->kind == FRAME_WANT)
		assert_true(mirror_lease_wanted(leases, frame->account));
	if (linked && frame->kind == FRAME_GIVE)
		assert_true(mirror_lease_given(leases, frame->account));
	(void)pthread_rwlock_unlock(&to->pair->cutting);
	if (frame->kind != FRAME_COMMIT)
		return;
	if (!linked || atomic_load(&to->refuses)) {
		lose(frame->shipment);
		return;
	}
	struct mirror_shipment *shipment = frame->shipment;
	shipment->rc = mirror_apply(to->node.mirror, to->node.store, frame->commit, &shipment->err);
	wait_done(&shipment->done);
}

struct carrier {
	struct end *from;
	struct queue *queue;
};

static void *carry(void *context)
{
	struct carrier carrier = *(struct carrier *)context;
	struct frame *frame;
	free(context);
	while ((frame = pop(carrier.queue)) != NULL) {
		deliver(&carrier.from->pair->ends[1 - carrier.from->number], frame);
		free(frame);
	}
	return NULL;
}

static void send_want(void *context, struct id account)
{
	struct end *end = context;
	push(&end->leases, &(struct frame){.kind = FRAME_WANT, .account = account});
}

static void send_give(void *context, struct id account)
{
	struct end *end = context;
	push(&end->leases, &(struct frame){.kind = FRAME_GIVE, .account = account});
}

static void ship(
	void *context, const struct mirror_commit *commit, struct mirror_shipment *shipment)
{
	struct end *end = context;
	push(&end->commits,
		&(struct frame){.kind = FRAME_COMMIT, .commit = commit, .shipment = shipment});
}

static const struct mirror_peer_ops PEER = {.lease = {send_want, send_give}, .ship = ship};

static void start(struct end *end, size_t thread, struct queue *queue)
{
	struct carrier *carrier = ALLOC(struct carrier);
	*carrier = (struct carrier){end, queue};
	done(pthread_create(&end->threads[thread], NULL, carry, carrier));
}

struct pair *pair_new(void)
{
	struct pair *pair = ALLOC(struct pair);
	(void)pthread_rwlock_init(&pair->cutting, NULL);
	for (size_t i = 0; i < PAIR_NODES; i++) {
		struct end *end = &pair->ends[i];
		struct mirror_options options = {.inner = &store_driver_memory,
			.is_first = i == 0,
			.peer = &PEER,
			.peer_context = end};
		struct err err;
		end->pair = pair;
		end->number = i;
		queue_init(&end->leases);
		queue_init(&end->commits);
		done(mirror_open(&options, &end->node.mirror, &err));
		struct store_options of_store = {
			.driver = &mirror_driver, .db = mirror_db(end->node.mirror)};
		done(store_open(&of_store, &end->node.store, &err));
	}
	for (size_t i = 0; i < PAIR_NODES; i++) {
		struct end *end = &pair->ends[i];
		start(end, 0, &end->leases);
		for (size_t t = 1; t <= PAIR_CARRIERS; t++)
			start(end, t, &end->commits);
	}
	return pair;
}

static void close_queue(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	(void)pthread_cond_broadcast(&queue->sent);
	(void)pthread_mutex_unlock(&queue->lock);
}

static void queue_deinit(struct queue *queue)
{
	assert_null(queue->first);
	(void)pthread_cond_destroy(&queue->sent);
	(void)pthread_mutex_destroy(&queue->lock);
}

void pair_free(struct pair *pair)
{
	for (size_t i = 0; i < PAIR_NODES; i++) {
		close_queue(&pair->ends[i].leases);
		close_queue(&pair->ends[i].commits);
		for (size_t t = 0; t <= PAIR_CARRIERS; t++)
			(void)pthread_join(pair->ends[i].threads[t], NULL);
	}
	for (size_t i = 0; i < PAIR_NODES; i++) {
		queue_deinit(&pair->ends[i].leases);
		queue_deinit(&pair->ends[i].commits);
		store_close(pair->ends[i].node.store);
	}
	(void)pthread_rwlock_destroy(&pair->cutting);
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
	(void)pthread_rwlock_wrlock(&pair->cutting);
	pair->linked = true;
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_linked(pair->ends[i].node.mirror);
	(void)pthread_rwlock_unlock(&pair->cutting);
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_let_write(pair->ends[i].node.mirror);
}

void pair_cut(struct pair *pair)
{
	(void)pthread_rwlock_wrlock(&pair->cutting);
	pair->linked = false;
	(void)pthread_rwlock_unlock(&pair->cutting);
	for (size_t i = 0; i < PAIR_NODES; i++)
		mirror_alone(pair->ends[i].node.mirror);
}

void pair_refuse(struct pair *pair, size_t number, bool refuse)
{
	atomic_store(&pair->ends[number].refuses, refuse);
}

/* All rows of a store, one after the other. */
static bool add_row(void *context, struct slice key, struct slice value)
{
	struct buf *rows = context;
	buf_printf(rows, "%zu:", key.len);
	buf_add_slice(rows, key);
	buf_printf(rows, "%zu:", value.len);
	buf_add_slice(rows, value);
	return true;
}

static void rows_of(struct pair_node *node, struct buf *rows)
{
	struct store_db *db;
	struct err err;
	const struct store_driver *driver = store_driver_of(node->store, &db);
	done(driver->scan(db, NULL, SLICE("\""), SLICE("\xff"), false, add_row, rows, &err));
	assert_false(rows->failed);
}

static void fail_finding(void *context, const struct store_finding *finding)
{
	print_message("%s: %s\n", finding->object, finding->text);
	fail();
}

void pair_assert_equal(struct pair *pair)
{
	AUTO(buf_free) struct buf rows = BUF(SIZE_MAX), others = BUF(SIZE_MAX);
	struct err err;
	rows_of(&pair->ends[0].node, &rows);
	rows_of(&pair->ends[1].node, &others);
	assert_true(slice_eq(buf_slice(&rows), buf_slice(&others)));
	for (size_t i = 0; i < PAIR_NODES; i++)
		done(store_check(pair->ends[i].node.store, fail_finding, NULL, NULL, &err));
}
