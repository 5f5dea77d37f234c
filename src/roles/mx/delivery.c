/* What a store refused while another one took the message goes into the queue, too: it is tried
 * once more from there, and when that fails for good the sender gets a report. So the one answer of
 * SMTP is true for all (docs/decisions/0004-one-answer-for-many-recipients.md). */
#include "roles/mx/delivery.h"

#include "base/log.h"

static struct smtp_destinations destinations_of(const struct smtp_recipient *r)
{
	const struct mx_recipient *m = r->backend;
	return m->stays ? m->to : (struct smtp_destinations){.count = 0};
}

static struct queue_recipient queued(const struct smtp_recipient *r, bool local, struct slice place)
{
	return (struct queue_recipient){.address = r->envelope.path.address,
		.notify = r->envelope.notify,
		.orcpt = r->envelope.orcpt,
		.local = local,
		.place = place};
}

static int hold(const struct mx_delivery *d, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct slice why, struct err *err)
{
	int r = mx_queue_hold(d->queue, t, recipients, count, why, err);
	if (r == 0)
		log_info(t->log, "message is in the queue",
			F_SLICE("sender", t->sender.path.address), F_UINT("recipients", count));
	return r;
}

int mx_delivery_keep(
	const struct mx_delivery *d, struct smtp_transaction *t, struct slice why, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct smtp_split split;
	size_t count = 0, most = t->count;
	smtp_split_begin(&split, t, destinations_of);
	for (size_t p = 0; p < split.count; p++)
		most += split.parts[p].t->count;
	struct queue_recipient *list = ARENA_ARRAY(&arena, struct queue_recipient, most);
	for (size_t p = 0; p < split.count; p++)
		for (size_t i = 0; i < split.parts[p].t->count; i++)
			list[count++] =
				queued(split.parts[p].t->recipients[i], true, split.parts[p].place);
	for (size_t i = 0; i < t->count; i++)
		if (!mx_recipient_of(t->recipients[i])->stays)
			list[count++] = queued(t->recipients[i], false, SLICE(""));
	int r = hold(d, t, list, count, why, err);
	smtp_split_end(&split); /* all have the result 0 */
	return r;
}

/* What became of all parts. */
struct tally {
	size_t failed;
	bool done, waits; /* somebody has it; somebody's store is away, or has it maybe and knows */
	bool doubt;       /* somebody may have it */
};

static struct tally count(const struct smtp_split_part *parts, size_t part_count)
{
	struct tally n = {0};
	for (size_t p = 0; p < part_count; p++) {
		n.waits |= parts[p].outcome < 0 && parts[p].err.class != ERR_PERMANENT;
		for (size_t i = 0; i < parts[p].t->count; i++) {
			const struct smtp_recipient *r = parts[p].t->recipients[i];
			n.done |= r->result == 0;
			n.failed += r->result < 0;
			n.doubt |= r->doubt != SMTP_NO_DOUBT;
			n.waits |= r->doubt == SMTP_DOUBT_KNOWN;
		}
	}
	return n;
}

static void keep_failed(struct smtp_split_part *part, struct queue_recipient *list, size_t *count)
{
	for (size_t i = 0; i < part->t->count; i++) {
		struct smtp_recipient *r = part->t->recipients[i];
		if (r->result == 0)
			continue;
		list[(*count)++] = queued(r, true, part->place);
		r->result = 0;
	}
}

/* When nobody has it, and nobody's store is to be waited for, the client hears what the stores
 * said; else it is in the queue for whom that failed. */
static int settle(const struct mx_delivery *d, struct smtp_transaction *t,
	struct smtp_split_part *parts, size_t part_count, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct tally n = count(parts, part_count);
	for (size_t p = 0; p < part_count; p++) {
		if (parts[p].outcome != 0 && parts[p].err.class != ERR_PERMANENT)
			log_warn(t->log, "the store does not answer",
				F_SLICE("host", parts[p].place), F_ERR(&parts[p].err));
		mx_dsn_delivered(d->report, parts[p].t);
	}
	if (n.failed == 0 || (!n.done && !n.waits))
		return 0;
	struct queue_recipient *list = ARENA_ARRAY(&arena, struct queue_recipient, n.failed);
	n.failed = 0;
	for (size_t p = 0; p < part_count; p++)
		keep_failed(&parts[p], list, &n.failed);
	t->sender.again = n.doubt;
	return hold(d, t, list, n.failed, SLICE(""), err);
}

/* All at one place, named as the client did. */
static bool is_plain(const struct smtp_transaction *t)
{
	struct slice place = mx_recipient_of(t->recipients[0])->to.items[0].place;
	for (size_t i = 0; i < t->count; i++)
		if (!smtp_destinations_is_plain(&mx_recipient_of(t->recipients[i])->to, place))
			return false;
	return true;
}

static int run_split(const struct mx_delivery *d, struct smtp_transaction *t, struct err *err)
{
	struct smtp_split split;
	smtp_split_begin(&split, t, destinations_of);
	smtp_split_deliver(d->local->places, d->local->loop, split.parts, split.count);
	int r = settle(d, t, split.parts, split.count, err);
	smtp_split_end(&split);
	return r;
}

int mx_delivery_run(const struct mx_delivery *d, struct smtp_transaction *t, struct err *err)
{
	for (size_t i = 0; i < t->count; i++)
		if (mx_recipient_of(t->recipients[i])->relayed)
			return mx_delivery_keep(d, t, SLICE(""), err);
	t->sender.delivery = id_new();
	if (!is_plain(t))
		return run_split(d, t, err);
	struct smtp_split_part all = {
		.place = mx_recipient_of(t->recipients[0])->to.items[0].place, .t = t};
	smtp_split_deliver(d->local->places, d->local->loop, &all, 1);
	return settle(d, t, &all, 1, err);
}
