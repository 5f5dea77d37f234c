#include "net/together.h"

#include "base/alloc.h"
#include "base/wait.h"

enum { JOBS_MAX = 256 };

struct job {
	void (*run)(void *context, void *item);
	void *context, *item;
	struct wait done;
};

static void run_job(void *context)
{
	struct job *job = context;
	job->run(job->context, job->item);
	wait_done(&job->done);
}

static bool take_place(struct net_together *t)
{
	if (atomic_fetch_add(&t->jobs, 1) < JOBS_MAX)
		return true;
	(void)atomic_fetch_sub(&t->jobs, 1);
	return false;
}

void net_together_run(struct net_together *t, struct net_loop *loop,
	void (*run)(void *context, void *item), void *context, void *items, size_t item_size,
	size_t count)
{
	struct job *jobs = count > 1 && loop ? alloc_zero(count - 1, sizeof(*jobs)) : NULL;
	size_t begun = 0;
	for (; jobs && begun < count - 1 && take_place(t); begun++) {
		jobs[begun].run = run;
		jobs[begun].context = context;
		jobs[begun].item = (char *)items + (begun + 1) * item_size;
		net_loop_spawn(loop, run_job, &jobs[begun]);
	}
	for (size_t i = 0; i < count; i++)
		if (i == 0 || i > begun)
			run(context, (char *)items + i * item_size);
	for (size_t i = 0; i < begun; i++) {
		wait_for(&jobs[i].done);
		(void)atomic_fetch_sub(&t->jobs, 1);
	}
	free(jobs);
}
