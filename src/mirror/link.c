/* What is sent, and what is waited for. Frames that came are in link_input.c. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

enum {
	PART = 32 << 10,   /* of a message, then another one's turn */
	WINDOW = 64 << 20, /* bytes under way; one that is larger goes alone */
};

static void queue_init(struct link_queue *queue)
{
	*queue = (struct link_queue){.last = &queue->first};
}

static void queue_add(struct link_queue *queue, struct link_message *m)
{
	m->next_outgoing = NULL;
	*queue->last = m;
	queue->last = &m->next_outgoing;
}

static struct link_message *queue_take(struct link_queue *queue)
{
	struct link_message *m = queue->first;
	queue->first = m->next_outgoing;
	if (!queue->first)
		queue->last = &queue->first;
	return m;
}

static void message_free(struct link_message *m)
{
	buf_free(&m->bytes);
	free(m);
}

struct mirror_link *mirror_link_new(const struct mirror_link_identity *identity,
	const struct mirror_link_ops *ops, void *context)
{
	struct mirror_link *link = ALLOC(struct mirror_link);
	link->identity = *identity;
	link->ops = ops;
	link->context = context;
	must(pthread_mutex_init(&link->lock, NULL) == 0);
	link->control = BUF(SIZE_MAX);
	queue_init(&link->queued);
	queue_init(&link->outgoing);
	link->last_commit = &link->commits;
	mirror_frame_add(&link->control, &(struct mirror_frame){.type = MIRROR_HELLO,
						 .first_version = MIRROR_VERSION,
						 .last_version = MIRROR_VERSION,
						 .cluster = identity->cluster,
						 .node = identity->node,
						 .clock_ms = clock_wall_ms(),
						 .software = identity->software});
	return link;
}

void mirror_link_free(struct mirror_link *link)
{
	must(link->ended && !link->outgoing.first && !link->queued.first && !link->commits);
	link_drop_incoming(link);
	buf_free(&link->control);
	(void)pthread_mutex_destroy(&link->lock);
	free(link);
}

void link_lock(struct mirror_link *link)
{
	(void)pthread_mutex_lock(&link->lock);
}

void link_unlock(struct mirror_link *link)
{
	(void)pthread_mutex_unlock(&link->lock);
}

void link_send_all(struct mirror_link *link, const struct mirror_frame *frames, size_t count)
{
	link_lock(link);
	if (!link->ended) {
		for (size_t i = 0; i < count; i++)
			mirror_frame_add(&link->control, &frames[i]);
		link->ops->has_output(link->context);
	}
	link_unlock(link);
}

void link_send(struct mirror_link *link, const struct mirror_frame *frame)
{
	link_send_all(link, frame, 1);
}

void mirror_link_ping(struct mirror_link *link)
{
	link_send(link, &(struct mirror_frame){.type = MIRROR_PING});
}

void mirror_link_say_linked(struct mirror_link *link)
{
	link_send(link, &(struct mirror_frame){.type = MIRROR_LINKED});
}

void mirror_link_want(struct mirror_link *link, struct id account)
{
	link_send(link, &(struct mirror_frame){.type = MIRROR_WANT, .account = account});
}

void mirror_link_give(struct mirror_link *link, struct id account)
{
	link_send(link, &(struct mirror_frame){.type = MIRROR_GIVE, .account = account});
}

static void tell_lost(struct mirror_shipment *shipment)
{
	if (!shipment)
		return;
	shipment->lost = true;
	shipment->rc = err_temporary(&shipment->err, ERR_UNAVAILABLE, "the link is down");
	mirror_shipment_tell(shipment);
}

/* `tell`: that there is output. */
static void send_message(struct mirror_link *link, struct buf *bytes,
	struct mirror_shipment *shipment, void (*tell)(void *context))
{
	struct link_message *m = ALLOC(struct link_message);
	m->shipment = shipment;
	m->bytes = *bytes;
	*bytes = BUF(0);
	bool fits = !m->bytes.failed && m->bytes.len <= MIRROR_MESSAGE_MAX;
	link_lock(link);
	bool sent = fits && !link->ended;
	if (sent) {
		queue_add(&link->queued, m);
		tell(link->context);
	}
	link_unlock(link);
	if (sent)
		return;
	message_free(m);
	tell_lost(shipment);
}

void link_send_message(
	struct mirror_link *link, struct buf *bytes, struct mirror_shipment *shipment)
{
	send_message(link, bytes, shipment, link->ops->has_output);
}

void mirror_link_ship(struct mirror_link *link, const struct mirror_commit *commit,
	struct mirror_shipment *shipment)
{
	struct buf bytes = BUF(MIRROR_MESSAGE_MAX);
	mirror_commit_add(&bytes, commit);
	send_message(link, &bytes, shipment, link->ops->has_commit);
}

int mirror_link_ask(
	struct mirror_link *link, struct buf *message, struct buf *answer, struct err *err)
{
	struct mirror_shipment shipment = {.rc = -1};
	link_send_message(link, message, &shipment);
	wait_for(&shipment.done);
	if (shipment.rc < 0)
		*err = shipment.err;
	buf_add_slice(answer, buf_slice(&shipment.answer));
	buf_free(&shipment.answer);
	return shipment.rc;
}

static struct link_message **waiting_place(struct mirror_link *link, uint64_t number)
{
	struct link_message **at = &link->waiting[number % LINK_BUCKETS];
	while (*at && (*at)->number != number)
		at = &(*at)->next_waiting;
	return at;
}

/* It is over. The lock is held. */
static void leave(struct mirror_link *link, const struct link_message *m)
{
	link->under_way -= m->bytes.len;
	if (link->queued.first)
		link->ops->has_output(link->context);
}

struct mirror_shipment *link_take_waiting(struct mirror_link *link, uint64_t number)
{
	struct mirror_shipment *shipment = NULL;
	link_lock(link);
	struct link_message **at = waiting_place(link, number), *m = *at;
	if (m && m->at == m->bytes.len) { /* else it is answered before it was sent */
		*at = m->next_waiting;
		shipment = m->shipment;
		leave(link, m);
		message_free(m);
	}
	link_unlock(link);
	return shipment;
}

/* Begins what there is room for. The lock is held, as in the next two. */
static void begin_queued(struct mirror_link *link)
{
	struct link_message *m;
	while ((m = link->queued.first) != NULL &&
		(link->under_way == 0 || link->under_way + m->bytes.len <= WINDOW)) {
		(void)queue_take(&link->queued);
		link->under_way += m->bytes.len;
		m->number = ++link->last_number;
		if (m->shipment)
			*waiting_place(link, m->number) = m;
		queue_add(&link->outgoing, m);
	}
}

/* The next part of the first message, which then stands last. */
static void add_part(struct mirror_link *link, struct buf *to)
{
	struct link_message *m = queue_take(&link->outgoing);
	size_t len = MIN(m->bytes.len - m->at, (size_t)PART);
	struct slice part = slice_sub(buf_slice(&m->bytes), m->at, len);
	m->at += len;
	bool last = m->at == m->bytes.len;
	mirror_frame_add(
		to, &(struct mirror_frame){
			    .type = MIRROR_PART, .number = m->number, .last = last, .bytes = part});
	if (!last) {
		queue_add(&link->outgoing, m);
	} else if (!m->shipment) {
		leave(link, m);
		message_free(m);
	}
}

/* Maybe up to the middle of a frame. True when all of it is out. */
static bool add_control(struct mirror_link *link, struct buf *to, size_t max)
{
	size_t len = MIN(link->control.len - link->control_at, max);
	buf_add(to, link->control.data + link->control_at, len);
	link->control_at += len;
	if (link->control_at < link->control.len)
		return false;
	buf_clear(&link->control);
	link->control_at = 0;
	return true;
}

bool mirror_link_output(struct mirror_link *link, struct buf *to, size_t max)
{
	size_t before = to->len;
	link_lock(link);
	if (link->control.len == 0 || add_control(link, to, max)) {
		begin_queued(link);
		while (link->outgoing.first && to->len - before < max)
			add_part(link, to);
	}
	link_unlock(link);
	return to->len > before;
}

/* What nobody waits for any more. */
static void drop_unsent(struct link_queue *queue, bool all)
{
	while (queue->first) {
		struct link_message *m = queue_take(queue);
		if (all || !m->shipment) {
			tell_lost(m->shipment);
			message_free(m);
		}
	}
}

void mirror_link_end(struct mirror_link *link, const char *why)
{
	struct link_message *lost = NULL, *m;
	struct link_queue queued = {NULL, NULL}, outgoing = {NULL, NULL};
	link_lock(link);
	link->ended = true;
	if (link->control_at == 0) { /* else the rest of a frame would be missing before it */
		buf_clear(&link->control);
		if (why)
			mirror_frame_add(&link->control,
				&(struct mirror_frame){.type = MIRROR_BYE, .why = slice_str(why)});
	}
	queued.first = link->queued.first;
	outgoing.first = link->outgoing.first;
	queue_init(&link->queued);
	queue_init(&link->outgoing);
	for (size_t i = 0; i < LINK_BUCKETS; i++)
		while ((m = link->waiting[i]) != NULL) {
			link->waiting[i] = m->next_waiting;
			m->next_waiting = lost;
			lost = m;
		}
	link_unlock(link);
	drop_unsent(&queued, true);
	drop_unsent(&outgoing, false); /* requests that were begun are among the waiting */
	while ((m = lost) != NULL) {
		lost = m->next_waiting;
		tell_lost(m->shipment);
		message_free(m);
	}
}
