/* What came: frames, parts that become commits, commits that are applied. */
#include "mirror/link_internal.h"

#include "base/alloc.h"

enum {
	INCOMING_MAX = 4096, /* commits of which parts came; the other node has as many writers */
	INCOMING_BYTES = 1 << 30, /* of all of them; past it the connection ends */
};

struct mirror_job {
	struct mirror_link *link;
	uint64_t number;
	struct buf bytes;
};

static int out_of_step(struct err *err, const char *what)
{
	return err_temporary(err, ERR_BAD_INPUT, "the other node is out of step: %s", what);
}

static int take_hello(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	if (link->greeted)
		return out_of_step(err, "a second HELLO");
	if (f->first_version > MIRROR_VERSION || f->last_version < MIRROR_VERSION)
		return err_permanent(err, ERR_BAD_INPUT,
			"the other node (%.*s) speaks versions %u to %u, this one %d",
			(int)MIN(f->software.len, (size_t)40), f->software.ptr, f->first_version,
			f->last_version, MIRROR_VERSION);
	if (!id_eq(f->cluster, link->identity.cluster))
		return err_permanent(err, ERR_DENIED, "the other node belongs to another cluster");
	if (id_eq(f->node, link->identity.node))
		return err_permanent(err, ERR_DENIED, "the other node is this one");
	link_lock(link);
	link->greeted = true;
	link_unlock(link);
	return 0;
}

static struct link_incoming **place_of(struct mirror_link *link, uint64_t number)
{
	struct link_incoming **at = &link->incoming;
	while (*at && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

static int begin_incoming(
	struct mirror_link *link, uint64_t number, struct link_incoming **at, struct err *err)
{
	if (number <= link->last_incoming)
		return out_of_step(err, "a part of a commit that is over");
	if (link->incoming_count >= INCOMING_MAX)
		return out_of_step(err, "too many commits at once");
	link->last_incoming = number;
	link->incoming_count++;
	*at = ALLOC(struct link_incoming);
	(*at)->number = number;
	(*at)->bytes = BUF(MIRROR_COMMIT_MAX);
	return 0;
}

static void spawn(struct mirror_link *link, struct link_incoming **at)
{
	struct link_incoming *whole = *at;
	struct mirror_job *job = ALLOC(struct mirror_job);
	*job = (struct mirror_job){link, whole->number, whole->bytes};
	*at = whole->next;
	link->incoming_count--;
	link->incoming_bytes -= whole->bytes.len;
	free(whole);
	link->ops->spawn(link->context, job);
}

static int take_part(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	struct link_incoming **at = place_of(link, f->number);
	if (!*at && begin_incoming(link, f->number, at, err) < 0)
		return -1;
	link->incoming_bytes += f->bytes.len;
	if (link->incoming_bytes > INCOMING_BYTES)
		return out_of_step(err, "more than 1 GiB of commits at once");
	buf_add_slice(&(*at)->bytes, f->bytes);
	if ((*at)->bytes.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a commit");
	if (f->last)
		spawn(link, at);
	return 0;
}

static int take_done(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	struct mirror_shipment *shipment = link_take_waiting(link, f->number);
	if (!shipment)
		return out_of_step(err, "an answer to a commit that was not sent");
	shipment->rc =
		f->taken ? 0
			 : err_temporary(&shipment->err, ERR_UNAVAILABLE, "the other node: %.*s",
				   (int)MIN(f->why.len, (size_t)180), f->why.ptr);
	wait_done(&shipment->done);
	return 0;
}

static int take(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	if (f->type != MIRROR_HELLO && !link->greeted)
		return out_of_step(err, "no HELLO");
	switch ((enum mirror_frame_type)f->type) {
	case MIRROR_HELLO:
		return take_hello(link, f, err);
	case MIRROR_WANT:
		return link->ops->wanted(link->context, f->account)
			       ? 0
			       : out_of_step(err, "WANT for a lease that is not here");
	case MIRROR_GIVE:
		return link->ops->given(link->context, f->account)
			       ? 0
			       : out_of_step(err, "GIVE of a lease that was not asked for");
	case MIRROR_PART:
		return take_part(link, f, err);
	case MIRROR_DONE:
		return take_done(link, f, err);
	case MIRROR_PING:
		link_send(link, &(struct mirror_frame){.type = MIRROR_PONG, .number = f->number});
		return 0;
	case MIRROR_PONG:
		return 0;
	}
	return 0; /* of a later version */
}

int mirror_link_input(struct mirror_link *link, struct slice *bytes, struct err *err)
{
	for (;;) {
		struct mirror_frame frame;
		int r = mirror_frame_next(bytes, &frame);
		if (r < 0)
			return out_of_step(err, "bytes that are no frame");
		if (r == 0)
			return 0;
		if (take(link, &frame, err) < 0)
			return -1;
	}
}

void mirror_job_run(struct mirror_job *job)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct mirror_commit commit;
	struct err err = {0};
	int r = mirror_commit_read(buf_slice(&job->bytes), &arena, &commit)
			? job->link->ops->apply(job->link->context, &commit, &err)
			: err_permanent(&err, ERR_BAD_INPUT, "this is no commit");
	link_send(job->link, &(struct mirror_frame){.type = MIRROR_DONE,
				     .number = job->number,
				     .taken = r == 0,
				     .why = r == 0 ? SLICE_NONE : slice_str(err.text)});
	buf_free(&job->bytes);
	free(job);
}

void link_drop_incoming(struct mirror_link *link)
{
	struct link_incoming *incoming;
	while ((incoming = link->incoming) != NULL) {
		link->incoming = incoming->next;
		buf_free(&incoming->bytes);
		free(incoming);
	}
	link->incoming_count = link->incoming_bytes = 0;
}
