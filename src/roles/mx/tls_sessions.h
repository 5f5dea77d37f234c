/* How TLS went with hosts of other domains, told for reports (RFC 8460 section 4.3): each attempt
 * that came as far as TLS is a session; and what made that no attempt was made. */
#ifndef ROLES_MX_TLS_SESSIONS_H
#define ROLES_MX_TLS_SESSIONS_H

#include "dns/dane.h"
#include "reports/reports.h"
#include "roles/mx/sts.h"
#include "smtp/outbound.h"

/* What holds at one host. */
struct mx_tls_session {
	struct reports *reports; /* NULL: nothing is told */
	struct slice domain;     /* of the recipients */
	const struct mx_sts_found *sts;
	const struct dns_dane *dane; /* NULL: it is not known yet */
	struct slice host;           /* empty: none yet */
};

/* A connection was tried, and this came of it. */
void mx_tls_session_opened(const struct mx_tls_session *session, const struct smtp_hop *hop,
	const struct smtp_opening *opening);
/* The domain's policy could not be had; nothing is told when there is no trouble. */
void mx_tls_session_without_policy(const struct mx_tls_session *session);
/* The host is none of those that the policy names, and gets nothing. */
void mx_tls_session_refused(const struct mx_tls_session *session);
/* The DNS can't be believed. Other errors are not told (section 4.3.4). */
void mx_tls_session_unknown(const struct mx_tls_session *session, const struct err *err);

#endif
