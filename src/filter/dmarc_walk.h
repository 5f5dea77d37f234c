/* The walk up the DNS tree (RFC 9989 section 4.10): records of a domain and of those above it. */
#ifndef FILTER_DMARC_WALK_H
#define FILTER_DMARC_WALK_H

#include "base/arena.h"
#include "dns/dns.h"
#include "filter/dmarc_record.h"

enum { FILTER_DMARC_STEPS_MAX = 8 }; /* questions a walk */

/* What is known of a name; several walks share what they have found. */
struct filter_dmarc_node {
	struct slice domain;
	bool has_record;
	struct slice text;
	struct filter_dmarc_record record;
	struct filter_dmarc_node *next;
};

struct filter_dmarc_tree {
	struct dns *dns;
	struct arena *arena;
	struct filter_dmarc_node *known;
};

struct filter_dmarc_walk {
	const struct filter_dmarc_node *steps[FILTER_DMARC_STEPS_MAX]; /* longest name first */
	size_t count;
	struct slice organization;              /* its organisational domain (section 4.10.2) */
	const struct filter_dmarc_node *policy; /* the record that applies; NULL: none */
};

/* `domain` in A-labels. Negative: ERR_TEMPORARY. */
int filter_dmarc_walk(struct filter_dmarc_tree *tree, struct slice domain,
	struct filter_dmarc_walk *ret_walk, struct err *err) WARN_UNUSED;
/* Asks for the one record of DMARC at that name itself ("_dmarc" comes in front of it when it is
 * asked for). */
int filter_dmarc_find(struct filter_dmarc_tree *tree, struct slice domain,
	const struct filter_dmarc_node **ret_node, struct err *err) WARN_UNUSED;

#endif
