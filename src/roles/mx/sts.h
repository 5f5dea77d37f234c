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

/* Why none could be had, though the domain's record says that there is one; for TLS reports (RFC
 * 8460 section 4.3.2.2). The numbers are on disk. */
enum mx_sts_trouble {
	MX_STS_NO_TROUBLE,
	MX_STS_UNREACHABLE, /* sts-policy-fetch-error */
	MX_STS_INVALID,     /* sts-policy-invalid */
	MX_STS_UNTRUSTED,   /* sts-webpki-invalid */
};
struct mx_sts_found {
	struct dns_mta_sts_policy policy; /* mode NONE: it has none, or none can be had */
	struct slice text;                /* the policy's; empty when there is none */
	enum mx_sts_trouble trouble;      /* with mode NONE */
};
/* The domain's policy, in `arena`. Waits. Negative: what is kept can't be read now. */
int mx_sts_find(const struct mx_sts *sts, struct slice domain, struct arena *arena,
	struct mx_sts_found *ret_found, struct err *err) WARN_UNUSED;

#endif
