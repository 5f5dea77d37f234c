/* How much of mail one client or one user may bring in some time. */
#ifndef ROLES_MX_LIMITS_H
#define ROLES_MX_LIMITS_H

#include "base/rate.h"
#include "roles/role.h"
#include "smtp/server.h"

#include <stdatomic.h>

struct mx_limits {
	const struct net_trusted *trusted;
	/* By address (IPv6: /64) and minute, by user and hour; NULL: no limit. */
	struct rate *messages, *recipients, *user_messages, *user_recipients;
	atomic_uint_fast64_t clients_slowed, users_slowed;
};

void mx_limits_init(
	struct mx_limits *limits, const struct role *role, const struct net_trusted *trusted);
void mx_limits_deinit(struct mx_limits *limits);

/* MAIL, and RCPT whoever it names. Negative: it is too much for now; the transaction has its reply
 * code. Trusted clients and those on this machine have no limit; users have one of their own. */
int mx_limits_message(
	struct mx_limits *limits, struct smtp_transaction *t, struct err *err) WARN_UNUSED;
int mx_limits_recipient(
	struct mx_limits *limits, struct smtp_transaction *t, struct err *err) WARN_UNUSED;
void mx_limits_metrics(struct mx_limits *limits, struct role *role, struct buf *to);

#endif
