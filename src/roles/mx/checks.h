/* What the mx role asks about mail from other servers, when it is here whole: SPF, DKIM, ARC,
 * DMARC.
 */
#ifndef ROLES_MX_CHECKS_H
#define ROLES_MX_CHECKS_H

#include "dns/dns.h"
#include "filter/arc_verify.h"
#include "reports/reports.h"
#include "roles/role.h"
#include "smtp/server.h"

#include <stdatomic.h>

struct mx_checks {
	const struct conf_checks *conf;
	const char *hostname;    /* authserv-id */
	char our_fields[512];    /* names of those that only we and our milters may use */
	struct dns *dns;         /* NULL: nothing is asked */
	struct reports *reports; /* where what DMARC said is counted; NULL: nowhere */
	struct net_trusted trusted;
	atomic_uint_fast64_t checked, refused, spf_failed, dkim_failed, dmarc_failed;
};

int mx_checks_init(struct mx_checks *checks, const struct role *role, struct dns *dns,
	struct err *err) WARN_UNUSED;
void mx_checks_deinit(struct mx_checks *checks);

/* What was found, for who passes the message on; as long as the message that came and its
 * transaction. */
struct mx_checked {
	struct slice results; /* value of Authentication-Results; empty: nothing was asked */
	struct filter_arc_result arc;
	/* DMARC fails, and its author's domain wants it rejected or put into quarantine, by the
	 * record of its own or a domain above; both empty: no such thing. */
	struct slice unwanted_author, unwanted_by;
};
/* Puts Authentication-Results in front of the message, and takes out those that pretend to be ours;
 * what it writes lies in the transaction's arena, or in `message`. Of users' own and of trusted
 * clients' mail nothing is asked. Negative: the message is refused (ERR_PERMANENT). */
int mx_checks_run(struct mx_checks *checks, struct smtp_transaction *t, struct buf *message,
	struct mx_checked *ret_checked, struct err *err) WARN_UNUSED;
/* After that, and before milters: takes out what others say of the message being junk, or of its
 * client, unless it comes from a trusted client. `message` as above. */
int mx_checks_unmark(struct mx_checks *checks, struct smtp_transaction *t, struct buf *message,
	struct err *err) WARN_UNUSED;

#endif
