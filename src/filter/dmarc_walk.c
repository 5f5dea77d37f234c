/* The walk: the name itself, then its last seven labels, six … one, until a record says that it is,
 * or is not, that of a public suffix. */
#include "filter/dmarc_walk.h"

#include "filter/name.h"
#include "dns/records.h"

static const struct filter_dmarc_node *known(
	const struct filter_dmarc_tree *tree, struct slice domain)
{
	for (const struct filter_dmarc_node *n = tree->known; n; n = n->next)
		if (dns_name_eq(n->domain, domain))
			return n;
	return NULL;
}

/* Several records are as none (section 4.10, step 2). */
static void take_records(struct filter_dmarc_tree *tree, const struct dns_answer *answer,
	struct filter_dmarc_node *n)
{
	size_t count = 0;
	for (size_t i = 0; i < answer->count; i++) {
		struct filter_dmarc_record record;
		struct slice text;
		if (!dns_read_txt(answer->records[i], tree->arena, &text) ||
			!filter_dmarc_record_parse(text, &record))
			continue;
		count++;
		n->text = text;
		n->record = record;
	}
	n->has_record = count == 1;
}

int filter_dmarc_find(struct filter_dmarc_tree *tree, struct slice domain,
	const struct filter_dmarc_node **ret_node, struct err *err)
{
	struct dns_answer answer = {0};
	struct err why = {0};
	*ret_node = known(tree, domain);
	if (*ret_node)
		return 0;
	struct slice name = slice_str(arena_printf(tree->arena, "_dmarc.%.*s", SLICE_ARG(domain)));
	if (filter_name_is_valid(name)) {
		int r = dns_lookup(tree->dns, name, DNS_TXT, tree->arena, &answer, &why);
		if (r < 0 && why.class != ERR_PERMANENT)
			return err_temporary(
				err, ERR_UNAVAILABLE, "%.*s: %s", SLICE_ARG(name), why.text);
	}
	struct filter_dmarc_node *n = ARENA_NEW(tree->arena, struct filter_dmarc_node);
	n->domain = domain;
	n->next = tree->known;
	take_records(tree, &answer, n);
	tree->known = n;
	*ret_node = n;
	return 0;
}

static struct slice shorten(struct slice domain)
{
	size_t labels = filter_name_labels(domain);
	do
		domain = filter_name_parent(domain);
	while (--labels >= FILTER_DMARC_STEPS_MAX);
	return domain;
}

/* Section 4.10.2. */
static struct slice organization(const struct filter_dmarc_walk *w, struct slice domain)
{
	struct slice best = domain;
	for (size_t i = 0; i < w->count; i++) {
		const struct filter_dmarc_node *n = w->steps[i];
		if (!n->has_record)
			continue;
		if (n->record.psd == FILTER_DMARC_PSD_NO)
			return n->domain;
		if (n->record.psd == FILTER_DMARC_PSD_YES && i > 0) {
			/* one label below it: the walk may have left that one out */
			struct slice below = domain, parent = filter_name_parent(below);
			while (!dns_name_eq(parent, n->domain) && parent.len > 0) {
				below = parent;
				parent = filter_name_parent(below);
			}
			return below;
		}
		best = n->domain;
	}
	return best;
}

/* Section 4.10.1: the domain's own record, its organisation's, that of the public suffix. */
static const struct filter_dmarc_node *policy(const struct filter_dmarc_walk *w)
{
	const struct filter_dmarc_node *suffix = NULL;
	if (w->steps[0]->has_record)
		return w->steps[0];
	for (size_t i = 1; i < w->count; i++) {
		const struct filter_dmarc_node *n = w->steps[i];
		if (!n->has_record)
			continue;
		if (dns_name_eq(n->domain, w->organization))
			return n;
		if (n->record.psd == FILTER_DMARC_PSD_YES)
			suffix = n;
	}
	return suffix;
}

int filter_dmarc_walk(struct filter_dmarc_tree *tree, struct slice domain,
	struct filter_dmarc_walk *ret_walk, struct err *err)
{
	struct filter_dmarc_walk *w = ret_walk;
	struct slice at = domain;
	*w = (struct filter_dmarc_walk){0};
	for (; at.len > 0 && w->count < FILTER_DMARC_STEPS_MAX;
		at = w->count == 1 ? shorten(at) : filter_name_parent(at)) {
		const struct filter_dmarc_node *n;
		if (filter_dmarc_find(tree, at, &n, err) < 0)
			return -1;
		w->steps[w->count++] = n;
		if (n->has_record && n->record.psd != FILTER_DMARC_PSD_UNKNOWN)
			break;
	}
	w->organization = organization(w, domain);
	w->policy = w->count > 0 ? policy(w) : NULL;
	return 0;
}
