/* Recipients of a part are found by a table, for an alias may stand for thousands. */
#include "smtp/split.h"

#include "base/alloc.h"
#include "base/bytes.h"

struct smtp_split_link {
	struct smtp_recipient *of, *part;
};

/* The state of smtp_split_begin(). */
struct splitting {
	struct smtp_split *split;
	size_t slot_count;
	struct slot {
		struct smtp_split_part *part;
		struct smtp_recipient *recipient;
	} * slots; /* by place and address */
};

bool smtp_destinations_is_plain(const struct smtp_destinations *d, struct slice place)
{
	return d->count == 1 && d->items[0].address.len == 0 && slice_eq(d->items[0].place, place);
}

static struct smtp_split_part *part_of(struct splitting *s, struct slice place)
{
	struct smtp_split *split = s->split;
	for (size_t i = 0; i < split->count; i++)
		if (slice_eq(split->parts[i].place, place))
			return &split->parts[i];
	struct smtp_split_part *part = &split->parts[split->count++];
	part->place = place;
	part->t = ARENA_NEW(&split->arena, struct smtp_transaction);
	*part->t = *split->whole;
	part->t->arena = ARENA_EMPTY; /* parts are delivered at once: each has its own */
	part->t->recipients = NULL;
	part->t->room = part->t->count = 0;
	return part;
}

static void push(struct smtp_split *split, struct smtp_transaction *t, struct smtp_recipient *r)
{
	t->recipients = arena_grow(
		&split->arena, t->recipients, t->count, &t->room, sizeof(*t->recipients));
	t->recipients[t->count++] = r;
}

/* Who is named twice hears what either of the two wants to hear. */
static unsigned join_notify(unsigned one, unsigned other)
{
	const unsigned unsaid = ENVELOPE_NOTIFY_FAILURE, never = ENVELOPE_NOTIFY_NEVER;
	unsigned both;
	if (one == other)
		return one;
	both = (one ? one : unsaid) | (other ? other : unsaid);
	return both & ~never ? both & ~never : both;
}

static uint64_t hash_of(const struct smtp_split_part *part, struct slice address)
{
	uint64_t hash = (uint64_t)(uintptr_t)part;
	for (size_t i = 0; i < address.len; i++)
		hash = (hash ^ (unsigned char)slice_lower(address.ptr[i])) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

static struct slot *slot_of(struct splitting *s, struct smtp_split_part *part, struct slice address)
{
	size_t at = hash_of(part, address) % s->slot_count;
	for (;; at = (at + 1) % s->slot_count) {
		struct slot *slot = &s->slots[at];
		if (!slot->recipient ||
			(slot->part == part &&
				slice_eq_nocase(slot->recipient->envelope.path.address, address)))
			return slot;
	}
}

static struct smtp_recipient *name(
	struct splitting *s, const struct smtp_recipient *of, struct slice address)
{
	struct smtp_recipient *r = ARENA_NEW(&s->split->arena, struct smtp_recipient);
	r->envelope = of->envelope;
	r->backend = of->backend;
	if (address.len > 0 && !envelope_parse_address(address, &r->envelope.path))
		r->envelope.path = (struct envelope_path){.address = address};
	return r;
}

static void add(struct splitting *s, struct smtp_recipient *of, const struct smtp_destination *d)
{
	struct smtp_split_part *part = part_of(s, d->place);
	struct slice address = d->address.len > 0 ? d->address : of->envelope.path.address;
	struct slot *slot = slot_of(s, part, address);
	if (slot->recipient) {
		unsigned *notify = &slot->recipient->envelope.notify;
		*notify = join_notify(*notify, of->envelope.notify);
	} else {
		*slot = (struct slot){part, name(s, of, d->address)};
		push(s->split, part->t, slot->recipient);
		part->t->sender.smtputf8 |= slot->recipient->envelope.path.is_utf8;
	}
	s->split->links[s->split->link_count++] = (struct smtp_split_link){of, slot->recipient};
}

void smtp_split_begin(struct smtp_split *split, struct smtp_transaction *whole,
	struct smtp_destinations (*of)(const struct smtp_recipient *recipient))
{
	struct splitting s = {.split = split};
	size_t total = 0;
	*split = (struct smtp_split){.whole = whole, .arena = ARENA_EMPTY};
	for (size_t i = 0; i < whole->count; i++)
		total += of(whole->recipients[i]).count;
	s.slot_count = 2 * total + 1;
	s.slots = alloc_zero(s.slot_count, sizeof(*s.slots));
	split->parts = ARENA_ARRAY(&split->arena, struct smtp_split_part, total);
	split->links = ARENA_ARRAY(&split->arena, struct smtp_split_link, total);
	for (size_t i = 0; i < whole->count; i++) {
		struct smtp_destinations d = of(whole->recipients[i]);
		for (size_t k = 0; k < d.count; k++)
			add(&s, whole->recipients[i], &d.items[k]);
	}
	free(s.slots);
}

static bool is_worse(const struct smtp_recipient *one, const struct smtp_recipient *other)
{
	if (one->result == 0 || other->result == 0)
		return one->result < 0 && other->result == 0;
	return one->err.class != ERR_PERMANENT && other->err.class == ERR_PERMANENT;
}

void smtp_split_end(struct smtp_split *split)
{
	for (size_t i = 0; i < split->whole->count; i++) {
		split->whole->recipients[i]->result = 0;
		split->whole->recipients[i]->doubt = SMTP_NO_DOUBT;
	}
	for (size_t i = 0; i < split->link_count; i++) {
		const struct smtp_split_link *l = &split->links[i];
		if (is_worse(l->part, l->of)) {
			l->of->result = l->part->result;
			l->of->err = l->part->err;
		}
		l->of->doubt = MAX(l->of->doubt, l->part->doubt);
	}
	for (size_t i = 0; i < split->count; i++)
		arena_free(&split->parts[i].t->arena);
	arena_free(&split->arena);
}
