/* Greylisting: who gives us mail for the first time is asked to come again, which mail servers do
 * and most senders of junk do not. What was seen is kept in the mx's store, so a mirror has it. */
#ifndef ROLES_MX_GREYLIST_H
#define ROLES_MX_GREYLIST_H

#include "dns/dns.h"
#include "roles/role.h"
#include "smtp/server.h"
#include "store/merge_rule.h"

#include <stdatomic.h>

/* For the mirror: of what both nodes have seen the later one counts. */
extern const struct store_merge_rule mx_greylist_merge_rules[];

struct mx_greylist {
	const struct conf_greylist *conf;
	struct store *store;
	struct dns *dns;      /* for SPF; NULL: nothing is asked */
	const char *hostname; /* the same */
	int64_t due_ms;       /* when old rows go next; monotonic, mx_greylist_keep_house's own */
	atomic_uint_fast64_t deferred, passed;
};

enum { MX_GREYLIST_WAIT = 1 };
/* Whether this client may give the recipient mail of the sender at `now_ms`, clock_wall_ms(); what
 * is new of it is kept. 0, or MX_GREYLIST_WAIT: not for *ret_wait_ms; negative: can't be told. */
int mx_greylist_ask(struct mx_greylist *greylist, const struct net_address *client,
	struct slice sender, struct slice recipient, int64_t now_ms, int64_t *ret_wait_ms,
	struct err *err) WARN_UNUSED;
/* Rows that say nothing any more go. */
int mx_greylist_clean(struct mx_greylist *greylist, int64_t now_ms, struct err *err) WARN_UNUSED;

/* For a recipient that the directory knows, of a client that mx_clients_recipient() has judged.
 * Negative: he has to wait; the transaction has its reply code. */
int mx_greylist_recipient(struct mx_greylist *greylist, struct smtp_transaction *t,
	const struct smtp_recipient *r, struct err *err) WARN_UNUSED;
/* Now and then, on a thread of the loop. */
void mx_greylist_keep_house(void *greylist);
void mx_greylist_metrics(struct mx_greylist *greylist, struct role *role, struct buf *to);

#endif
