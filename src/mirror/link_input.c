/* What came: frames, parts that become messages, requests that are served. Commits go to
 * link_apply.c. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum {
	INCOMING_MAX = 4096, /* messages of which parts came; the other node has as many writers */
	INCOMING_BYTES = MIRROR_MESSAGE_MAX, /* of all of them; past it the connection ends */
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
	link->greeted = true;
	return link->ops->greeted(link->context, f, err);
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
		return out_of_step(err, "a part of a message that is over");
	if (link->incoming_count >= INCOMING_MAX)
		return out_of_step(err, "too many messages at once");
	link->last_incoming = number;
	link->incoming_count++;
	*at = ALLOC(struct link_incoming);
	(*at)->number = number;
	(*at)->bytes = BUF(MIRROR_MESSAGE_MAX);
	return 0;
}

static int end_request(struct mirror_link *link, uint64_t number, int rc, struct slice why,
	struct slice answer, struct err *err)
{
	struct mirror_shipment *shipment = link_take_waiting(link, number);
	if (!shipment)
		return out_of_step(err, "an answer to what was not asked");
	shipment->rc =
		rc == 0 ? 0
			: err_temporary(&shipment->err, ERR_UNAVAILABLE, "the other node: %.*s",
				  (int)MIN(why.len, (size_t)180), why.ptr);
	shipment->answer = BUF(MIRROR_MESSAGE_MAX);
	buf_add_slice(&shipment->answer, answer);
	mirror_shipment_tell(shipment);
	return 0;
}

void link_incoming_free(struct link_incoming *incoming)
{
	buf_free(&incoming->bytes);
	free(incoming);
}

static void serve(struct mirror_job *job)
{
	struct mirror_link *link = job->link;
	struct slice bytes = buf_slice(&job->bytes);
	struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct err err = {0};
	buf_add_byte(&answer, MIRROR_ANSWER);
	bytes_add_varint(&answer, job->number);
	size_t head = answer.len;
	int r = link->ops->serve(
		link->context, (unsigned char)bytes.ptr[0], slice_from(bytes, 1), &answer, &err);
	if (r == 0 && answer.failed)
		r = err_temporary(&err, ERR_LIMIT, "the answer is too large");
	if (r == 0 && answer.len > head)
		link_send_message(link, &answer, NULL);
	else
		link_send(link, &(struct mirror_frame){.type = MIRROR_DONE,
					.number = job->number,
					.taken = r == 0,
					.why = r == 0 ? SLICE_NONE : slice_str(err.text)});
	buf_free(&answer);
	buf_free(&job->bytes);
	free(job);
}

static void spawn(struct mirror_link *link, struct link_incoming *whole)
{
	struct mirror_job *job = ALLOC(struct mirror_job);
	*job = (struct mirror_job){link, serve, whole->number, whole->bytes};
	whole->bytes = BUF(0);
	link->ops->spawn(link->context, job);
}

/* All parts are there. */
static int take_message(struct mirror_link *link, struct link_incoming **at, struct err *err)
{
	struct link_incoming *whole = *at;
	struct slice rest = buf_slice(&whole->bytes), kind;
	uint64_t number;
	int r = 0;
	*at = whole->next;
	link->incoming_count--;
	link->incoming_bytes -= whole->bytes.len;
	if (!bytes_cut(&rest, 1, &kind)) {
		r = out_of_step(err, "an empty message");
	} else if (kind.ptr[0] == MIRROR_COMMIT) {
		link_add_commit(link, whole);
		return 0;
	} else if (kind.ptr[0] != MIRROR_ANSWER) {
		spawn(link, whole);
	} else if (bytes_cut_varint(&rest, &number)) {
		r = end_request(link, number, 0, SLICE_NONE, rest, err);
	} else {
		r = out_of_step(err, "an answer without a number");
	}
	link_incoming_free(whole);
	return r;
}

static int take_part(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	struct link_incoming **at = place_of(link, f->number);
	if (!*at && begin_incoming(link, f->number, at, err) < 0)
		return -1;
	link->incoming_bytes += f->bytes.len;
	if (link->incoming_bytes > INCOMING_BYTES)
		return out_of_step(err, "more than 1 GiB of messages at once");
	buf_add_slice(&(*at)->bytes, f->bytes);
	if ((*at)->bytes.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a message");
	return f->last ? take_message(link, at, err) : 0;
}

static int take(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	if (f->type != MIRROR_HELLO && f->type != MIRROR_BYE && !link->greeted)
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
		return end_request(link, f->number, f->taken ? 0 : -1, f->why, SLICE_NONE, err);
	case MIRROR_PING:
		link_send(link, &(struct mirror_frame){.type = MIRROR_PONG, .number = f->number});
		return 0;
	case MIRROR_PONG:
		return 0;
	case MIRROR_BYE:
		return err_temporary(err, ERR_UNAVAILABLE, "the other node says: %.*s",
			(int)MIN(f->why.len, (size_t)160), f->why.ptr);
	case MIRROR_LINKED:
		return link->ops->linked(link->context)
			       ? 0
			       : out_of_step(err, "LINKED without having met");
	}
	return 0; /* of a later version */
}

static int take_all(struct mirror_link *link, struct slice *bytes, struct err *err)
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

int mirror_link_input(struct mirror_link *link, struct slice *bytes, struct err *err)
{
	int r = take_all(link, bytes, err);
	link_apply_commits(link);
	return r;
}

void mirror_job_run(struct mirror_job *job)
{
	job->run(job);
}

void link_drop_incoming(struct mirror_link *link)
{
	struct link_incoming *incoming;
	while ((incoming = link->incoming) != NULL) {
		link->incoming = incoming->next;
		link_incoming_free(incoming);
	}
	link->incoming_count = link->incoming_bytes = 0;
}
