/* What is sent next. Control frames first; then parts of messages, by turns: the first parts of
 * small ones, which mostly are all of it, and in every eighth turn one of a large one or of any
 * that goes on. So a small message waits for few others, however many large ones are under way, and
 * these get on, however many small ones come.
 *
 * A message is begun when there is room for its sort: what is large may wait for other large ones,
 * but what is small never does. */
#include "mirror/link_internal.h"

enum {
	PART = 32 << 10, /* of a message, then another one's turn */
	SMALL_TURNS = 7, /* then one of another's */
};

void link_queue_init(struct link_queue *queue)
{
	*queue = (struct link_queue){.last = &queue->first};
}

void link_queue_add(struct link_queue *queue, struct link_message *m)
{
	m->next_outgoing = NULL;
	*queue->last = m;
	queue->last = &m->next_outgoing;
}

struct link_message *link_queue_take(struct link_queue *queue)
{
	struct link_message *m = queue->first;
	queue->first = m->next_outgoing;
	if (!queue->first)
		queue->last = &queue->first;
	return m;
}

void link_message_free(struct link_message *m)
{
	buf_free(&m->bytes);
	free(m);
}

static struct link_message **waiting_place(struct mirror_link *link, uint64_t number)
{
	struct link_message **at = &link->waiting[number % LINK_BUCKETS];
	while (*at && (*at)->number != number)
		at = &(*at)->next_waiting;
	return at;
}

/* It is over. The lock is held, as in all below. */
static void leave(struct mirror_link *link, const struct link_message *m)
{
	link->under_way[link_sort_of(m->size)] -= m->size;
	for (size_t i = 0; i < LINK_SORTS; i++)
		if (link->queued[i].first) {
			link->ops->has_output(link->context);
			return;
		}
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
		link_message_free(m);
	}
	link_unlock(link);
	return shipment;
}

static bool has_room(const struct mirror_link *link, enum link_sort sort, size_t size)
{
	const size_t *under_way = link->under_way;
	size_t larger = under_way[LINK_LARGE] + under_way[LINK_HUGE];
	if (sort == LINK_SMALL)
		return under_way[LINK_SMALL] + size <= LINK_SMALL_WINDOW;
	if (larger > 0 && larger + size > LINK_LARGER_WINDOW)
		return false;
	return sort == LINK_HUGE ? under_way[LINK_HUGE] == 0
				 : under_way[LINK_LARGE] + size <= LINK_LARGE_WINDOW;
}

/* The first of that sort, or NULL. */
static struct link_message *may_begin(const struct mirror_link *link, enum link_sort sort)
{
	struct link_message *m = link->queued[sort].first;
	return m && has_room(link, sort, m->size) ? m : NULL;
}

static struct link_message *begin(struct mirror_link *link, enum link_sort sort)
{
	struct link_message *m = link_queue_take(&link->queued[sort]);
	link->under_way[sort] += m->size;
	m->number = ++link->last_number;
	if (m->shipment)
		*waiting_place(link, m->number) = m;
	return m;
}

/* Of those that are not small and those that go on. */
static struct link_message *take_other(struct mirror_link *link)
{
	for (unsigned i = 0; i < LINK_SORTS; i++) {
		link->other_turn =
			(link->other_turn + 1) % LINK_SORTS; /* LINK_SMALL: who goes on */
		if (link->other_turn == LINK_SMALL && link->outgoing.first)
			return link_queue_take(&link->outgoing);
		if (link->other_turn != LINK_SMALL && may_begin(link, link->other_turn))
			return begin(link, link->other_turn);
	}
	return NULL;
}

/* NULL: nobody's. */
static struct link_message *next_turn(struct mirror_link *link)
{
	struct link_message *m = NULL;
	bool small = may_begin(link, LINK_SMALL);
	if (!small || link->small_turns >= SMALL_TURNS)
		m = take_other(link);
	link->small_turns = m ? 0 : link->small_turns + 1;
	return m || !small ? m : begin(link, LINK_SMALL);
}

static void add_part(struct mirror_link *link, struct link_message *m, struct buf *to)
{
	size_t len = MIN(m->bytes.len - m->at, (size_t)PART);
	struct slice part = slice_sub(buf_slice(&m->bytes), m->at, len);
	m->at += len;
	bool last = m->at == m->bytes.len;
	mirror_frame_add(
		to, &(struct mirror_frame){
			    .type = MIRROR_PART, .number = m->number, .last = last, .bytes = part});
	if (last)
		(void)atomic_fetch_add(&link->options.traffic->sent_plain, m->size - m->bytes.len);
	if (!last) {
		link_queue_add(&link->outgoing, m);
	} else if (!m->shipment) {
		leave(link, m);
		link_message_free(m);
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
		struct link_message *m;
		while (to->len - before < max && (m = next_turn(link)) != NULL)
			add_part(link, m, to);
	}
	link_unlock(link);
	(void)atomic_fetch_add(&link->options.traffic->sent, to->len - before);
	(void)atomic_fetch_add(&link->options.traffic->sent_plain, to->len - before);
	return to->len > before;
}
