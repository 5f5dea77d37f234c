/* What is sent, and what is waited for. Frames that came are in link_input.c. */
#include "mirror/link_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/must.h"

enum { PART = 64 << 10 }; /* of a commit, then another one's turn */

struct mirror_link *mirror_link_new(const struct mirror_link_identity *identity,
	const struct mirror_link_ops *ops, void *context)
{
	struct mirror_link *link = ALLOC(struct mirror_link);
	link->identity = *identity;
	link->ops = ops;
	link->context = context;
	must(pthread_mutex_init(&link->lock, NULL) == 0);
	link->control = BUF(SIZE_MAX);
	link->last_outgoing = &link->outgoing;
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
	must(link->ended && !link->outgoing);
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

void link_send(struct mirror_link *link, const struct mirror_frame *frame)
{
	link_lock(link);
	if (!link->ended) {
		mirror_frame_add(&link->control, frame);
		link->ops->has_output(link->context);
	}
	link_unlock(link);
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
	shipment->rc = err_temporary(&shipment->err, ERR_UNAVAILABLE, "the link is down");
	wait_done(&shipment->done);
}

static struct link_commit **waiting_place(struct mirror_link *link, uint64_t number)
{
	struct link_commit **at = &link->waiting[number % LINK_BUCKETS];
	while (*at && (*at)->number != number)
		at = &(*at)->next_waiting;
	return at;
}

void mirror_link_ship(struct mirror_link *link, const struct mirror_commit *commit,
	struct mirror_shipment *shipment)
{
	struct link_commit *c = ALLOC(struct link_commit);
	c->shipment = shipment;
	c->bytes = BUF(MIRROR_COMMIT_MAX);
	mirror_commit_add(&c->bytes, commit);
	bool fits = !c->bytes.failed;
	link_lock(link);
	bool sent = fits && !link->ended;
	if (sent) {
		c->number = ++link->last_number;
		*waiting_place(link, c->number) = c;
		*link->last_outgoing = c;
		link->last_outgoing = &c->next_outgoing;
		link->ops->has_output(link->context);
	}
	link_unlock(link);
	if (sent)
		return;
	buf_free(&c->bytes);
	free(c);
	tell_lost(shipment);
}

struct mirror_shipment *link_take_waiting(struct mirror_link *link, uint64_t number)
{
	link_lock(link);
	struct link_commit **at = waiting_place(link, number), *c = *at;
	struct mirror_shipment *shipment = NULL;
	if (c && c->at == c->bytes.len) { /* else it is answered before it was sent */
		*at = c->next_waiting;
		shipment = c->shipment;
		buf_free(&c->bytes);
		free(c);
	}
	link_unlock(link);
	return shipment;
}

/* The next part of the first commit, which then stands last. The lock is held. */
static void add_part(struct mirror_link *link, struct buf *to)
{
	struct link_commit *c = link->outgoing;
	size_t len = MIN(c->bytes.len - c->at, (size_t)PART);
	struct slice part = slice_sub(buf_slice(&c->bytes), c->at, len);
	c->at += len;
	bool last = c->at == c->bytes.len;
	mirror_frame_add(
		to, &(struct mirror_frame){
			    .type = MIRROR_PART, .number = c->number, .last = last, .bytes = part});
	link->outgoing = c->next_outgoing;
	if (!link->outgoing)
		link->last_outgoing = &link->outgoing;
	c->next_outgoing = NULL;
	if (last)
		return;
	*link->last_outgoing = c;
	link->last_outgoing = &c->next_outgoing;
}

bool mirror_link_output(struct mirror_link *link, struct buf *to, size_t max)
{
	size_t before = to->len;
	link_lock(link);
	buf_add_slice(to, buf_slice(&link->control));
	buf_clear(&link->control);
	while (link->outgoing && to->len - before < max)
		add_part(link, to);
	link_unlock(link);
	return to->len > before;
}

void mirror_link_end(struct mirror_link *link)
{
	struct link_commit *lost = NULL, *c;
	link_lock(link);
	link->ended = true;
	link->outgoing = NULL;
	link->last_outgoing = &link->outgoing;
	buf_clear(&link->control);
	for (size_t i = 0; i < LINK_BUCKETS; i++)
		while ((c = link->waiting[i]) != NULL) {
			link->waiting[i] = c->next_waiting;
			c->next_waiting = lost;
			lost = c;
		}
	link_unlock(link);
	while ((c = lost) != NULL) {
		lost = c->next_waiting;
		tell_lost(c->shipment);
		buf_free(&c->bytes);
		free(c);
	}
	link_drop_incoming(link);
}

bool mirror_link_is_greeted(struct mirror_link *link)
{
	link_lock(link);
	bool greeted = link->greeted;
	link_unlock(link);
	return greeted;
}
