/* How much an account and a domain hold. Limits are the directory's; usage is ours. */
#ifndef MAIL_QUOTA_H
#define MAIL_QUOTA_H

#include "mail/mail.h"

struct mail_usage {
	uint64_t bytes, messages;
};
int mail_usage(struct mail *mail, struct id account, struct mail_usage *ret_usage,
	struct err *err) WARN_UNUSED;
/* Says that the account counts for the domain: once for each user of a domain that has a limit, at
 * start and when a user is added. Doing it twice is fine. Sums are kept in memory. */
int mail_domain_join(
	struct mail *mail, struct id account, struct id domain, struct err *err) WARN_UNUSED;
void mail_domain_leave(struct mail *mail, struct id account);
struct mail_usage mail_domain_usage(struct mail *mail, struct id domain);

#endif
