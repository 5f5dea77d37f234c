/* The queue on a store in memory, with a transport that the test tells what to say. */
#ifndef QUEUE_TEST_SUPPORT_H
#define QUEUE_TEST_SUPPORT_H

#include "queue/queue.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define done(call) assert_int_equal((call), 0)

enum { DELIVERIES = 2000, HOUR = 3600 * 1000 };

/* What the far side says. */
enum answer { TAKES, REFUSES, LATER, BREAKS, GOES_AWAY, IS_AWAY, IS_NOWHERE };

struct fixture {
	struct store *store;
	struct net_loop *loop;
	pthread_t thread;
	struct queue *queue;
	struct queue_options options;
	pthread_mutex_t lock;
	enum answer answer;
	size_t delivered, transactions, again, reports[QUEUE_REPORT_DELIVERED + 1];
	char recipients[DELIVERIES][64], reported[256];
	size_t lengths[DELIVERIES]; /* of what each recipient got */
	char message[64];
	atomic_bool alone, ready, other_there; /* beside another node that has the same entries */
};

static inline void set_answer(struct fixture *f, enum answer answer)
{
	(void)pthread_mutex_lock(&f->lock);
	f->answer = answer;
	(void)pthread_mutex_unlock(&f->lock);
}

static inline enum answer get_answer(struct fixture *f)
{
	(void)pthread_mutex_lock(&f->lock);
	enum answer answer = f->answer;
	(void)pthread_mutex_unlock(&f->lock);
	return answer;
}

static inline int open_peer(
	void *context, struct slice destination, void **ret_peer, struct err *err)
{
	struct fixture *f = context;
	enum answer answer = get_answer(f);
	*ret_peer = context;
	(void)pthread_mutex_lock(&f->lock);
	(void)pthread_mutex_unlock(&f->lock);
	if (answer == IS_AWAY)
		return err_temporary(err, ERR_UNAVAILABLE, "nobody answers");
	if (answer == IS_NOWHERE)
		return err_permanent(err, ERR_ABSENT, "no such domain");
	return 0;
}

static inline int send_to_peer(void *peer, struct queue_delivery *d, struct err *err)
{
	struct fixture *f = peer;
	(void)pthread_mutex_lock(&f->lock);
	enum answer answer = f->answer;
	f->transactions++;
	f->again += d->again;
	if (answer == GOES_AWAY)
		f->answer = TAKES; /* next time */
	(void)snprintf(f->message, sizeof(f->message), "%.*s", SLICE_ARG(d->message));
	for (size_t i = 0; i < d->count; i++) {
		struct queue_outcome *o = &d->outcomes[i];
		if ((answer == TAKES || answer == BREAKS) && f->delivered < DELIVERIES) {
			f->lengths[f->delivered] = d->message.len;
			(void)snprintf(f->recipients[f->delivered++], sizeof(*f->recipients),
				"%.*s", SLICE_ARG(d->entries[i].recipient));
		} else if (answer == REFUSES)
			o->result = err_permanent(&o->err, ERR_OTHER, "no such user");
		else if (answer == LATER)
			o->result = err_temporary(&o->err, ERR_OTHER, "not now");
	}
	(void)pthread_mutex_unlock(&f->lock);
	if (answer == GOES_AWAY)
		return err_temporary(err, ERR_UNAVAILABLE, "gone");
	return answer == BREAKS ? QUEUE_PEER_GONE : 0;
}

static inline void close_peer(void *peer)
{
}

static inline int report(void *context, enum queue_report_action action,
	const struct queue_delivery *d, struct err *err)
{
	struct fixture *f = context;
	(void)pthread_mutex_lock(&f->lock);
	f->reports[action] += d->count;
	(void)snprintf(f->reported, sizeof(f->reported), "%s", d->outcomes[0].err.text);
	(void)pthread_mutex_unlock(&f->lock);
	return 0;
}

static const struct queue_transport TRANSPORT = {
	.open = open_peer, .send = send_to_peer, .close = close_peer, .report = report};

static inline void *run_loop(void *context)
{
	struct err err;
	done(net_loop_run(context, &err));
	return NULL;
}

static inline void start(struct fixture *f)
{
	struct err err;
	struct net_loop_options loop = {.workers_min = 2};
	done(net_loop_new(&loop, &f->loop, &err));
	f->options.loop = f->loop;
	done(queue_open(&f->options, &f->queue, &err));
	done(pthread_create(&f->thread, NULL, run_loop, f->loop));
	queue_start(f->queue);
}

static inline void stop(struct fixture *f)
{
	queue_stop(f->queue);
	net_loop_stop(f->loop, 1000);
	(void)pthread_join(f->thread, NULL);
	net_loop_free(f->loop);
	queue_close(f->queue);
	f->queue = NULL;
}

static inline int set_up(void **state)
{
	struct fixture *f = ALLOC(struct fixture);
	struct store_options store = {.driver = &store_driver_memory};
	struct err err;
	done(store_open(&store, &f->store, &err));
	done(pthread_mutex_init(&f->lock, NULL));
	f->options = (struct queue_options){.store = f->store,
		.node = id_new(),
		.transport = &TRANSPORT,
		.context = f,
		.schedule = {.backoff_first_ms = 1000},
		.retry_ms = {1000},
		.retry_count = 1};
	start(f);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	if (f->queue)
		stop(f);
	store_close(f->store);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static inline void add(struct fixture *f, const struct queue_recipient *recipients, size_t count)
{
	struct err err;
	struct queue_message message = {.sender = SLICE("alice@example.org"),
		.recipients = recipients,
		.count = count,
		.head = SLICE("Received: here\r\n"),
		.text = SLICE("Subject: x\r\n\r\nHello\r\n")};
	done(queue_add(f->queue, &message, &err));
}

static inline void add_one(struct fixture *f, const char *address, bool local)
{
	add(f, &(struct queue_recipient){.address = slice_str(address), .local = local}, 1);
}

/* Waits until nothing is left, or as long as a slow machine may take. */
static inline void await_empty(struct fixture *f)
{
	for (int i = 0; i < 2000; i++) {
		struct queue_figures figures = queue_figures(f->queue);
		if (figures.entries == 0 && figures.connections == 0)
			return;
		(void)usleep(10000);
	}
	fail_msg("the queue does not get empty");
}

static inline void await_transactions(struct fixture *f, size_t least)
{
	size_t count = 0;
	for (int i = 0; i < 2000 && count < least; i++) {
		(void)usleep(10000);
		(void)pthread_mutex_lock(&f->lock);
		count = f->transactions;
		(void)pthread_mutex_unlock(&f->lock);
	}
	assert_true(count >= least);
}

static inline bool count_entry(void *context, struct queue_place place,
	const struct queue_entry *entry, uint64_t bytes, bool here)
{
	(*(size_t *)context)++;
	return true;
}

static inline size_t entries_in_store(struct fixture *f)
{
	size_t count = 0;
	struct err err;
	done(queue_scan(f->queue, count_entry, &count, &err));
	return count;
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
