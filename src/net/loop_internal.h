/* The loop's inside: what its files share. docs/net.md says which lock guards what. */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include "net/loop.h"

#include "net/address.h"
#include "net/address_limits.h"
#include "net/awaited.h"
#include "net/ready.h"
#include "net/runner.h"
#include "net/session.h"
#include "net/slots.h"
#include "net/timers.h"

enum { NET_LISTENERS_MAX = 64 };

/* What an epoll event is about: a connection (its slot id), or one of these. */
enum {
	NET_ABOUT_LISTENER = UINT32_MAX - NET_LISTENERS_MAX, /* plus its number */
	NET_ABOUT_READY = NET_ABOUT_LISTENER - 1,
	NET_ABOUT_TIMERS = NET_ABOUT_LISTENER - 2,
	NET_ABOUT_END = NET_ABOUT_LISTENER - 3, /* workers go home */
	NET_SLOTS_MAX = 1 << 24,
	NET_ABOUT_FAR = NET_SLOTS_MAX,         /* added to a slot id: what is joined with it */
	NET_ABOUT_AWAITED = 2 * NET_SLOTS_MAX, /* added to the id of what code waits for */
};

struct net_listener {
	struct net_loop *loop;
	struct net_listener_options options;
	pthread_mutex_t lock; /* held while accepting; fd is -1 once closed */
	struct net_address local;
	struct net_timer retry; /* when descriptors or memory ran out */
	struct net_task task;
};

enum net_left { NET_LEFT_SPARE, NET_LEFT_WAITING, NET_LEFT_COMPUTING };

/* A thread that runs sessions. */
struct net_worker {
	struct net_loop *loop;
	pthread_t thread;
	atomic_int tid;          /* the kernel's number of it; 0 before it runs */
	struct fiber *home;      /* its own stack */
	struct net_runner *left; /* the runner that it just left (runner.c) */
	enum net_left left_as;
	atomic_bool ended; /* may be joined */
};

struct net_job {
	struct net_job *next;
	struct net_loop *loop;
	struct net_task task;
	struct net_timer timer;
	unsigned interval_ms;
	void (*run)(void *context);
	void *context;
};

struct net_loop {
	struct net_loop_options options;
	atomic_uint
		refs; /* its owner's and one a session: who holds a session may wake it, always */
	int epoll;
	int end;  /* eventfd, level-triggered: readable once workers shall end */
	int main; /* eventfd on which the thread in net_loop_run() sleeps */
	struct net_ready ready;
	struct net_runners runners;
	struct net_timers timers;
	struct net_slots slots;
	struct net_awaiteds awaiteds;
	struct net_limits limits;

	/* Guards listeners, connectors, jobs and the array of workers; `stopping` is set under it.
	 */
	pthread_mutex_t lock;
	struct net_listener *listeners[NET_LISTENERS_MAX];
	unsigned listener_count;
	struct net_connector *connectors;
	struct net_job *jobs;
	struct net_worker **workers; /* workers_max places, NULL when free */

	atomic_uint worker_count, idle; /* idle: in epoll_wait() or on the way there */
	atomic_uint blocked;            /* said so by wait_block_begin() */
	atomic_uint_least64_t taken; /* events that workers took; the monitor looks if it moves */
	atomic_bool watched;         /* the main thread is awake and sees when idle is 0 */
	atomic_uint_least64_t accepted, refused_limit, connections;
	atomic_uint_least64_t others; /* connections of protocols that do not end last */
	atomic_bool lasts_end;        /* of a loop that stops: those that do are told now */
	atomic_uint spawned;          /* not ended yet */
	atomic_bool stop_asked, stopping;
	atomic_uint grace_ms;
};

/* Worker threads (worker.c). */
int net_worker_start(struct net_loop *loop, struct err *err) WARN_UNUSED;
/* Takes events on this runner until its worker has to end. */
void net_worker_serve(struct net_runner *runner);
/* On no runner: waits for one event, and queues what it is about. */
void net_worker_hand_on(struct net_loop *loop);
void net_workers_join(struct net_loop *loop, bool all);
/* Gets the thread in net_loop_run() up; async-signal-safe. */
void net_loop_call_main(struct net_loop *loop);
void net_loop_unref(struct net_loop *loop);
/* EPOLLET for a descriptor that is about `about`. 0, or -1 with errno. */
int net_loop_watch(struct net_loop *loop, int fd, uint32_t events, uint64_t about) WARN_UNUSED;
/* From now on for output too, which with edges costs nothing while the socket takes all. */
void net_loop_watch_output(struct net_loop *loop, int fd, uint64_t about);

/* The main thread's watch over the workers (watch.c). */
struct net_watch {
	unsigned cpus;
	/* What the last look saw. */
	uint64_t taken;
	int64_t stuck_since_ms; /* no event was taken since; 0: some were */
	int64_t states_ms;      /* when the workers' states were looked at */
	unsigned asleep;        /* workers at that time */
	unsigned quiet;         /* rounds in which a worker was idle */
	bool rests;             /* until it is called */
};

unsigned net_cpu_count(void);
/* One look, which adds workers when they are missing. Returns for how many milliseconds to sleep
 * until the next one, -1: until called. */
int net_watch_workers(struct net_loop *loop, struct net_watch *watch);

/* Connectors (connector.c). */
void net_connectors_free(struct net_connector *first);

/* Listeners (listener.c). */
void net_listener_accept(struct net_listener *listener);
void net_listener_close(struct net_listener *listener);
void net_listener_free(struct net_listener *listener);

/* Sessions (session_life.c, drive.c). */
/* A protocol that can be served. */
void net_protocol_check(const struct net_protocol *protocol);
/* Takes over the fd of an accepted connection. The new session is claimed and queued. */
void net_session_accept(struct net_listener *listener, int fd, const struct net_address *peer);
/* Runs a claimed session to its next wait. */
void net_session_drive(struct net_session *session, struct net_runner *runner);
void net_session_queue(struct net_session *session);

#endif
