/* MTA-STS (RFC 8461): a domain's record and its policy. Pure: who fetches and remembers them is
 * somebody else. */
#ifndef DNS_MTA_STS_H
#define DNS_MTA_STS_H

#include "base/arena.h"
#include "base/err.h"

enum {
	DNS_MTA_STS_ID_MAX = 32, /* section 3.1 */
	DNS_MTA_STS_POLICY_MAX =
		64 * 1024,              /* bytes of a policy; section 3.3 advises such a bound */
	DNS_MTA_STS_AGE_MAX = 31557600, /* seconds, a year; section 3.2 */
	DNS_MTA_STS_MX_MAX = 256,       /* patterns of a policy; more are left out */
};

/* The texts of the TXT records of _mta-sts.DOMAIN in, the policy's id out (borrowed from its text).
 * False: the domain has no MTA-STS, as no record says so, several do, or the one is malformed. */
WARN_UNUSED bool dns_mta_sts_read_record(
	const struct slice *texts, size_t count, struct slice *ret_id);

enum dns_mta_sts_mode { DNS_MTA_STS_NONE, DNS_MTA_STS_TESTING, DNS_MTA_STS_ENFORCE };

struct dns_mta_sts_policy {
	enum dns_mta_sts_mode mode;
	uint32_t max_age;       /* seconds */
	const struct slice *mx; /* "mail.example.org", "*.example.org"; one or more unless NONE */
	size_t mx_count;
};

/* The policy's file (section 3.2). The patterns point into `text`, their array lies in `arena`.
 * ERR_PERMANENT with ERR_BAD_INPUT when malformed: there is no policy then. */
WARN_UNUSED int dns_mta_sts_read_policy(struct slice text, struct arena *arena,
	struct dns_mta_sts_policy *ret_policy, struct err *err);

/* May mail go to this exchanger (section 4.1)? "*" stands for one label. */
bool dns_mta_sts_has_mx(const struct dns_mta_sts_policy *policy, struct slice host);

/* "enforce" */
const char *dns_mta_sts_mode_name(enum dns_mta_sts_mode mode);

#endif
