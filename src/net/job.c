/* What runs on the loop's workers besides sessions: housekeeping at intervals, and what is spawned.
 */
#include "net/loop_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

static int64_t job_due(struct net_timer *timer, int64_t now)
{
	struct net_job *job = CONTAINER_OF(timer, struct net_job, timer);
	net_ready_push(&job->loop->ready, &job->task);
	return NET_NEVER;
}

/* The timer is set again only now: a job never runs twice at once. */
static void job_run(struct net_task *task, struct net_runner *runner)
{
	struct net_job *job = CONTAINER_OF(task, struct net_job, task);
	job->run(job->context);
	net_timers_set(&job->loop->timers, &job->timer, clock_mono_ms() + job->interval_ms);
}

void net_loop_every(
	struct net_loop *loop, unsigned interval_ms, void (*run)(void *context), void *context)
{
	struct net_job *job = ALLOC(struct net_job);
	*job = (struct net_job){.loop = loop,
		.task.run = job_run,
		.interval_ms = interval_ms,
		.run = run,
		.context = context};
	net_timer_init(&job->timer, job_due);
	(void)pthread_mutex_lock(&loop->lock);
	job->next = loop->jobs;
	loop->jobs = job;
	(void)pthread_mutex_unlock(&loop->lock);
	net_timers_set(&loop->timers, &job->timer, clock_mono_ms() + interval_ms);
}

struct spawned {
	struct net_task task;
	struct net_loop *loop;
	void (*run)(void *context);
	void *context;
};

static void spawned_run(struct net_task *task, struct net_runner *runner)
{
	struct spawned *spawned = CONTAINER_OF(task, struct spawned, task);
	struct net_loop *loop = spawned->loop;
	spawned->run(spawned->context);
	free(spawned);
	if (atomic_fetch_sub(&loop->spawned, 1) == 1 && atomic_load(&loop->stopping))
		net_loop_call_main(loop);
}

void net_loop_spawn(struct net_loop *loop, void (*run)(void *context), void *context)
{
	struct spawned *spawned = ALLOC(struct spawned);
	*spawned = (struct spawned){
		.task.run = spawned_run, .loop = loop, .run = run, .context = context};
	(void)atomic_fetch_add(&loop->spawned, 1);
	net_ready_push(&loop->ready, &spawned->task);
}
