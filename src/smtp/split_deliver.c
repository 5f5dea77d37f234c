/* The first part is sent by who calls, the others by jobs of the loop meanwhile. Jobs need stacks,
 * and who waits for them has one already: past some that wait at once, parts are sent one after the
 * other, so that there is always a stack left for a job. */
#include "smtp/split.h"

#include "base/alloc.h"
#include "base/wait.h"

struct job {
	struct smtp_places *places;
	struct smtp_split_part *part;
	struct wait done;
};

static void set_all(struct smtp_split_part *part)
{
	for (size_t i = 0; i < part->t->count; i++) {
		part->t->recipients[i]->result = -1;
		part->t->recipients[i]->err = part->err;
		part->t->recipients[i]->doubt = SMTP_NO_DOUBT;
	}
}

static int send_to(struct smtp_place *place, struct smtp_split_part *part)
{
	if (smtp_place_is_away(place))
		return err_temporary(
			&part->err, ERR_UNAVAILABLE, "the store did not answer a moment ago");
	int r = smtp_client_deliver(smtp_place_pool(place), part->t, &part->err);
	if (r == 0 || (r < 0 && part->err.class == ERR_PERMANENT))
		smtp_place_set_here(place);
	else
		smtp_place_set_away(place);
	return r;
}

static void deliver(struct smtp_places *places, struct smtp_split_part *part)
{
	struct smtp_place *place;
	part->outcome = smtp_places_take(places, part->place, &place, &part->err);
	if (part->outcome == 0) {
		part->outcome = send_to(place, part);
		smtp_places_give(places, place);
	}
	if (part->outcome < 0)
		set_all(part);
}

static void run(void *context)
{
	struct job *job = context;
	deliver(job->places, job->part);
	wait_done(&job->done);
}

void smtp_split_deliver(struct smtp_places *places, struct net_loop *loop,
	struct smtp_split_part *parts, size_t count)
{
	struct job *jobs = NULL;
	size_t begun = 0;
	if (count > 1 && loop) {
		jobs = alloc_zero(count - 1, sizeof(*jobs));
		for (; begun < count - 1 && smtp_places_begin_job(places); begun++) {
			jobs[begun].places = places;
			jobs[begun].part = &parts[begun + 1];
			net_loop_spawn(loop, run, &jobs[begun]);
		}
	}
	if (count > 0)
		deliver(places, &parts[0]);
	for (size_t i = begun + 1; i < count; i++)
		deliver(places, &parts[i]);
	for (size_t i = 0; i < begun; i++) {
		wait_for(&jobs[i].done);
		smtp_places_end_job(places);
	}
	free(jobs);
}
