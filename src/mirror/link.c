/* What is called from outside: making and ending a link, and what it is given to send. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

struct mirror_link *mirror_link_new(
	const struct mirror_link_options *options, const struct mirror_link_ops *ops, void *context)
{
	struct mirror_link *link = ALLOC(struct mirror_link);
	link->options = *options;
	link->ops = ops;
	link->context = context;
	must(pthread_mutex_init(&link->lock, NULL) == 0);
	link->control = BUF(SIZE_MAX);
	for (size_t i = 0; i < LINK_SORTS; i++)
		link_queue_init(&link->queued[i]);
	link_queue_init(&link->outgoing);
	link->last_commit = &link->commits;
	mirror_frame_add(&link->control, &(struct mirror_frame){.type = MIRROR_HELLO,
						 .first_version = MIRROR_VERSION_FIRST,
						 .last_version = MIRROR_VERSION,
						 .cluster = options->cluster,
						 .node = options->node,
						 .clock_ms = clock_wall_ms(),
						 .software = options->software});
	return link;
}

void mirror_link_free(struct mirror_link *link)
{
	must(link->ended && !link->outgoing.first && !link->commits);
	for (size_t i = 0; i < LINK_SORTS; i++)
		must(!link->queued[i].first);
	link_drop_incoming(link);
	link_free_packers(link);
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
	link_send(link, &(struct mirror_frame){.type = MIRROR_PING, .number = link_ping_number()});
	link_look_at_appliers(link);
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
	m->size = bytes->len;
	link_pack(link, bytes);
	m->bytes = *bytes;
	*bytes = BUF(0);
	bool fits = !m->bytes.failed && m->size <= MIRROR_MESSAGE_MAX;
	link_lock(link);
	bool sent = fits && !link->ended;
	if (sent) {
		link_queue_add(&link->queued[link_sort_of(m->size)], m);
		tell(link->context);
	}
	link_unlock(link);
	if (sent)
		return;
	link_message_free(m);
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

/* What nobody waits for any more. */
static void drop_unsent(struct link_queue *queue, bool all)
{
	while (queue->first) {
		struct link_message *m = link_queue_take(queue);
		if (all || !m->shipment) {
			tell_lost(m->shipment);
			link_message_free(m);
		}
	}
}

/* Takes all over; the lock is held. */
static struct link_queue empty_queue(struct link_queue *queue)
{
	struct link_queue all = {queue->first, NULL};
	link_queue_init(queue);
	return all;
}

static void say_bye(struct mirror_link *link, const char *why)
{
	if (link->control_at > 0)
		return; /* the rest of a frame would be missing before it */
	buf_clear(&link->control);
	if (why)
		mirror_frame_add(&link->control,
			&(struct mirror_frame){.type = MIRROR_BYE, .why = slice_str(why)});
}

void mirror_link_end(struct mirror_link *link, const char *why)
{
	struct link_message *lost = NULL, *m;
	struct link_queue queued[LINK_SORTS];
	link_lock(link);
	link->ended = true;
	say_bye(link, why);
	for (size_t i = 0; i < LINK_SORTS; i++)
		queued[i] = empty_queue(&link->queued[i]);
	struct link_queue outgoing = empty_queue(&link->outgoing);
	for (size_t i = 0; i < LINK_BUCKETS; i++)
		while ((m = link->waiting[i]) != NULL) {
			link->waiting[i] = m->next_waiting;
			m->next_waiting = lost;
			lost = m;
		}
	link_unlock(link);
	for (size_t i = 0; i < LINK_SORTS; i++)
		drop_unsent(&queued[i], true);
	drop_unsent(&outgoing, false); /* requests that were begun are among the waiting */
	while ((m = lost) != NULL) {
		lost = m->next_waiting;
		tell_lost(m->shipment);
		link_message_free(m);
	}
}
