/* What came: frames, parts that become messages, requests that are served. Commits go to
 * link_apply.c. Packed messages are unpacked by jobs, where others get their turn. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum { INCOMING_MAX = 4096 }; /* messages of which parts came; the other node has as many writers */

static int out_of_step(struct err *err, const char *what)
{
	return err_temporary(err, ERR_BAD_INPUT, "the other node is out of step: %s", what);
}

static int check_hello(
	const struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	if (link->version > 0)
		return out_of_step(err, "a second HELLO");
	if (f->first_version > MIRROR_VERSION || f->last_version < MIRROR_VERSION_FIRST)
		return err_permanent(err, ERR_BAD_INPUT,
			"the other node (%.*s) speaks versions %u to %u, this one %d to %d",
			(int)MIN(f->software.len, (size_t)40), f->software.ptr, f->first_version,
			f->last_version, MIRROR_VERSION_FIRST, MIRROR_VERSION);
	if (!id_eq(f->cluster, link->options.cluster))
		return err_permanent(err, ERR_DENIED, "the other node belongs to another cluster");
	if (id_eq(f->node, link->options.node))
		return err_permanent(err, ERR_DENIED, "the other node is this one");
	return 0;
}

static int take_hello(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	int r = check_hello(link, f, err);
	if (r < 0)
		return r;
	link_lock(link);
	link->version = MIN((unsigned)MIRROR_VERSION, f->last_version);
	link_unlock(link);
	mirror_link_ping(link); /* how far away it is, before much is sent */
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

/* What the other node has under way now; the lock is held. */
static void hold(struct mirror_link *link, size_t size, bool begins)
{
	size_t bytes = MIN(size, (size_t)LINK_LARGE_MAX);
	link->held += begins ? bytes : -bytes;
	link->held_huge += size <= LINK_LARGE_MAX ? 0 : begins ? 1 : -1u;
}

void link_let_go(struct mirror_link *link, struct link_incoming *incoming)
{
	link_lock(link);
	hold(link, incoming->size, false);
	link_unlock(link);
	incoming->size = 0;
}

static int grow(
	struct mirror_link *link, struct link_incoming *incoming, size_t size, struct err *err)
{
	link_lock(link);
	hold(link, incoming->size, false);
	hold(link, size, true);
	bool fits = link->held <= LINK_HELD_MAX && link->held_huge <= 1;
	link_unlock(link);
	incoming->size = size;
	return fits ? 0 : out_of_step(err, "more bytes of messages at once than may be");
}

/* Some bytes of it came. */
static int look_at_head(struct mirror_link *link, struct link_incoming *incoming, struct err *err)
{
	struct mirror_head *head = &incoming->head;
	if (!incoming->begins) {
		int r = mirror_head_read(buf_slice(&incoming->bytes), head);
		if (r < 0 || (r == 1 && head->packed && link->version < MIRROR_VERSION_PACKED))
			return out_of_step(err, "a message that begins as none does");
		incoming->begins = r == 1;
	}
	size_t came = incoming->bytes.len;
	bool packed = incoming->begins && head->packed;
	if (packed && came > head->size)
		return out_of_step(err, "a packed message that is longer than what is in it");
	return grow(link, incoming, packed ? head->size : came, err);
}

/* The answer's bytes are copied. */
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

void link_spawn(
	struct mirror_link *link, void (*run)(struct mirror_job *job), struct link_incoming *whole)
{
	struct mirror_job *job = ALLOC(struct mirror_job);
	*job = (struct mirror_job){link, run, whole};
	link->ops->spawn(link->context, job);
}

static void serve(struct mirror_link *link, struct link_incoming *whole, struct slice question)
{
	struct buf answer = BUF(MIRROR_MESSAGE_MAX);
	struct err err = {0};
	buf_add_byte(&answer, MIRROR_ANSWER);
	bytes_add_varint(&answer, whole->number);
	size_t head = answer.len;
	int r = link->ops->serve(link->context, whole->head.kind, question, &answer, &err);
	if (r == 0 && answer.failed)
		r = err_temporary(&err, ERR_LIMIT, "the answer is too large");
	link_let_go(link, whole);
	if (r == 0 && answer.len > head)
		link_send_message(link, &answer, NULL);
	else
		link_send(link, &(struct mirror_frame){.type = MIRROR_DONE,
					.number = whole->number,
					.taken = r == 0,
					.why = r == 0 ? SLICE_NONE : slice_str(err.text)});
	buf_free(&answer);
}

static void run_request(struct mirror_job *job)
{
	struct slice question;
	if (link_unpack(job->link, job->whole, &question) == 0)
		serve(job->link, job->whole, question);
	link_incoming_free(job->whole);
	free(job);
}

static void run_answer(struct mirror_job *job)
{
	struct mirror_link *link = job->link;
	struct slice answer;
	struct err err;
	if (link_unpack(link, job->whole, &answer) == 0 &&
		end_request(link, job->whole->head.number, 0, SLICE_NONE, answer, &err) < 0)
		link->ops->broken(link->context, &err);
	link_incoming_free(job->whole);
	free(job);
}

/* All parts are there. */
static int take_message(struct mirror_link *link, struct link_incoming **at, struct err *err)
{
	struct link_incoming *whole = *at;
	const struct mirror_head *head = &whole->head;
	*at = whole->next;
	link->incoming_count--;
	if (head->packed)
		(void)atomic_fetch_add(
			&link->options.traffic->received_plain, head->size - whole->bytes.len);
	if (head->kind == MIRROR_ANSWER)
		link_let_go(link, whole); /* it is over when it was sent */
	if (whole->begins && head->kind == MIRROR_COMMIT) {
		link_add_commit(link, whole);
		return 0;
	}
	if (whole->begins && (head->kind != MIRROR_ANSWER || head->packed)) {
		link_spawn(link, head->kind == MIRROR_ANSWER ? run_answer : run_request, whole);
		return 0;
	}
	int r = whole->begins ? end_request(link, head->number, 0, SLICE_NONE,
					slice_from(buf_slice(&whole->bytes), head->len), err)
			      : out_of_step(err, "a message that begins as none does");
	link_incoming_free(whole);
	return r;
}

static int take_part(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	struct link_incoming **at = place_of(link, f->number);
	if (!*at && begin_incoming(link, f->number, at, err) < 0)
		return -1;
	buf_add_slice(&(*at)->bytes, f->bytes);
	if ((*at)->bytes.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a message");
	if (look_at_head(link, *at, err) < 0)
		return -1;
	return f->last ? take_message(link, at, err) : 0;
}

static int take(struct mirror_link *link, const struct mirror_frame *f, struct err *err)
{
	if (f->type != MIRROR_HELLO && f->type != MIRROR_BYE && link->version == 0)
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
		link_note_pong(link, f->number);
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

static int check_reading(struct mirror_link *link, struct err *err)
{
	link_lock(link);
	bool reads = link->control.len - link->control_at <= LINK_CONTROL_MAX;
	link_unlock(link);
	return reads ? 0 : out_of_step(err, "it asks, and does not read what it is told");
}

int mirror_link_input(struct mirror_link *link, struct slice *bytes, struct err *err)
{
	size_t before = bytes->len;
	int r = take_all(link, bytes, err);
	(void)atomic_fetch_add(&link->options.traffic->received, before - bytes->len);
	(void)atomic_fetch_add(&link->options.traffic->received_plain, before - bytes->len);
	link_apply_commits(link);
	return r < 0 ? r : check_reading(link, err);
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
	link->incoming_count = 0;
}
