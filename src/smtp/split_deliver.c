/* The parts are sent at once, each to its place; who is away is known from then on. */
#include "smtp/split.h"

#include "net/together.h"

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

static void deliver(void *context, void *item)
{
	struct smtp_places *places = context;
	struct smtp_split_part *part = item;
	struct smtp_place *place;
	part->outcome = smtp_places_take(places, part->place, &place, &part->err);
	if (part->outcome == 0) {
		part->outcome = send_to(place, part);
		smtp_places_give(places, place);
	}
	if (part->outcome < 0)
		set_all(part);
}

void smtp_split_deliver(struct smtp_places *places, struct net_loop *loop,
	struct smtp_split_part *parts, size_t count)
{
	net_together_run(
		smtp_places_together(places), loop, deliver, places, parts, sizeof(*parts), count);
}
