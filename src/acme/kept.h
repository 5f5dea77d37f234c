/* The account's key, certificates and what answers challenges, in a store's system account:
 * whatever carries the store carries them, so both nodes of a mirror have them. Any thread; writes
 * may wait. */
#ifndef ACME_KEPT_H
#define ACME_KEPT_H

#include "acme/row.h"
#include "store/merge_rule.h"

/* Names of objects begin so; behind it stand: */
#define ACME_ACCOUNT     "account "     /* the directory's URL; the data is the key as PEM */
#define ACME_CERTIFICATE "certificate " /* its first name; struct acme_row */
#define ACME_RENEW       "renew "       /* the same; empty: somebody wants it renewed now */
#define ACME_HTTP        "http "        /* a token; struct acme_answer_row */
#define ACME_ALPN        "alpn "        /* a host name; struct acme_answer_row */

/* For the mirror, of STORE_ACME: of what both nodes have changed while they were apart the later
 * one holds; but a certificate that was had later is not lost for an attempt that failed since. */
void acme_merge(const struct store_object *was, const struct store_object *first,
	const struct store_object *second, struct arena *arena, struct store_object *to);
extern const struct store_merge_rule acme_merge_rules[];

enum { ACME_NONE = 1 }; /* positive outcome: there is no such object */
/* The data of "PREFIX NAME", in `arena`. ACME_NONE. */
int acme_find(struct store *store, const char *prefix, struct slice name, struct arena *arena,
	struct slice *ret_data, struct err *err) WARN_UNUSED;
/* Makes or replaces it: durable, at both nodes, when it returns 0. */
int acme_put(struct store *store, const char *prefix, struct slice name, struct slice data,
	struct err *err) WARN_UNUSED;
/* 0 too when there is none. */
int acme_remove(
	struct store *store, const char *prefix, struct slice name, struct err *err) WARN_UNUSED;
/* All answers for these host names go. */
int acme_remove_answers(
	struct store *store, const char *const *names, size_t count, struct err *err) WARN_UNUSED;

/* A certificate that the config asks for. */
struct acme_plan {
	const char *name;         /* the first of: */
	const char *const *names; /* lower case */
	size_t count;
};
/* Those that a role keeps; for operators' commands. */
struct acme_plans {
	struct store *store;
	const struct acme_plan *list;
	size_t count;
};
/* Whether `names`, a space between, are those of the plan, in any order. */
bool acme_plan_is(const struct acme_plan *plan, struct slice names);

#endif
