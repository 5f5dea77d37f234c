/* Policies of MTA-STS (RFC 8461) in force: fetched by HTTPS, and kept in the mx's store, so that a
 * domain that demanded TLS is believed until its policy is over, whoever cuts us off from it. */
#ifndef ROLES_MX_STS_H
#define ROLES_MX_STS_H

#include "dns/dns.h"
#include "dns/mta_sts.h"
#include "store/store.h"

struct mx_sts {
	struct dns *dns;
	struct store *store;
	const char *authorities; /* file of certificates; "": the system's */
	uint16_t port;           /* of HTTPS */
};

/* The domain's policy, in `arena`; mode NONE when it has none, or none can be had. Waits. Negative:
 * what is kept can't be read now. */
int mx_sts_find(const struct mx_sts *sts, struct slice domain, struct arena *arena,
	struct dns_mta_sts_policy *ret_policy, struct err *err) WARN_UNUSED;

#endif
