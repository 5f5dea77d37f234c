/* The caller is the first lane; the others are run by the node's host. */
#include "mirror/lanes.h"

#include "mirror/node_internal.h"

#include "base/wait.h"

struct lanes {
	mirror_step *step;
	void *context;
	atomic_uint running; /* lanes */
	atomic_bool over;    /* no more steps */
	atomic_bool failed;  /* whose lane it was has `result` and `err` */
	int result;
	struct err err;
	struct wait done;
};

/* The last one out tells; from then on the lanes may be gone. */
static void leave(struct lanes *lanes)
{
	if (atomic_fetch_sub(&lanes->running, 1) == 1)
		wait_done(&lanes->done);
}

static void run_lane(struct lanes *lanes)
{
	struct err err = {0};
	int r = 1;
	while (r > 0 && !atomic_load(&lanes->over))
		r = lanes->step(lanes->context, &err);
	atomic_store(&lanes->over, true);
	if (r < 0 && !atomic_exchange(&lanes->failed, true)) {
		lanes->result = r;
		lanes->err = err;
	}
	leave(lanes);
}

static void run_other(struct mirror_connection *c, void *context)
{
	run_lane(context);
}

int mirror_lanes_run(struct mirror_connection *c, unsigned count, mirror_step *step, void *context,
	struct err *err)
{
	struct lanes lanes = {.step = step, .context = context, .running = count};
	for (unsigned i = 1; i < count; i++)
		mirror_connection_run(c, run_other, &lanes);
	run_lane(&lanes);
	wait_for(&lanes.done);
	if (atomic_load(&lanes.failed))
		*err = lanes.err;
	return lanes.result;
}
