/* Limits at the moment of change, and the sums of domains that follow every commit. */
#ifndef MAIL_QUOTA_INTERNAL_H
#define MAIL_QUOTA_INTERNAL_H

#include "mail/quota.h"

/* Whether the account, whose row is given, may hold `bytes` and `messages` more. ERR_OVER_QUOTA. */
int quota_check_account(const struct store_account *account, const struct mail_limits *limits,
	uint64_t bytes, uint64_t messages, struct err *err) WARN_UNUSED;
/* The same of the domain; what is granted counts until quota_release, so that two who ask at once
 * don't both get the last room. Release after quota_note. */
int quota_reserve(struct mail *mail, const struct mail_limits *limits, uint64_t bytes,
	uint64_t messages, struct err *err) WARN_UNUSED;
void quota_release(
	struct mail *mail, const struct mail_limits *limits, uint64_t bytes, uint64_t messages);

/* Commits and takes the accounts' new figures over into the sums of their domains. */
int quota_commit(struct mail *mail, struct store_write *write, const struct id *accounts,
	size_t count, struct err *err) WARN_UNUSED;

#endif
