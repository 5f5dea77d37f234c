/* One message to recipients who live at several places: a transaction for each place, and the
 * results put back. Pure but for smtp_split_deliver().
 *
 * A recipient may stand for several (an alias): then he is named in a transaction by the address of
 * each of those, and his result is the worst of theirs. Who is named twice gets it once. */
#ifndef SMTP_SPLIT_H
#define SMTP_SPLIT_H

#include "net/loop.h"
#include "smtp/places.h"
#include "smtp/server.h"

/* Where a recipient's mail goes. */
struct smtp_destination {
	struct slice place;   /* its name, smtp/places.h */
	struct slice address; /* whom to name there; empty: as the client did */
};
struct smtp_destinations {
	const struct smtp_destination *items; /* at least one */
	size_t count;
};
/* All at one place, and named as the client did? */
WARN_UNUSED bool smtp_destinations_is_plain(
	const struct smtp_destinations *destinations, struct slice place);

struct smtp_split_part {
	struct slice place;
	struct smtp_transaction *t;
	/* As smtp_client_deliver() returned it; each recipient has its result, too, in any case. */
	int outcome;
	struct err err;
};

struct smtp_split {
	struct smtp_transaction *whole;
	struct smtp_split_part *parts;
	size_t count;
	struct smtp_split_link *links;
	size_t link_count;
	struct arena arena;
};
/* `of`: where a recipient of the transaction goes; what it gives is borrowed until the end. */
void smtp_split_begin(struct smtp_split *split, struct smtp_transaction *whole,
	struct smtp_destinations (*of)(const struct smtp_recipient *recipient));
/* The results of the parts become those of the whole: of a recipient who is in several of them the
 * worst one; a temporary failure is worse than a permanent one, since it is tried again. */
void smtp_split_end(struct smtp_split *split);

/* Sends each part to its place, several at once. Who is away is not asked; who does not answer is
 * away from then on. */
void smtp_split_deliver(struct smtp_places *places, struct net_loop *loop,
	struct smtp_split_part *parts, size_t count);

#endif
