/* The command lines of a transaction. */
#ifndef SMTP_EXCHANGE_INTERNAL_H
#define SMTP_EXCHANGE_INTERNAL_H

#include "smtp/exchange.h"

/* MAIL, with what the server's extensions allow of the sender's parameters. A size of 0 is not
 * known. */
void smtp_exchange_write_mail(const struct smtp_exchange *x, const struct smtp_transaction *t,
	uint64_t size, struct buf *to);
/* RCPTs of recipients `at` to `end`, but for those that have a negative result. */
void smtp_exchange_write_rcpts(const struct smtp_exchange *x, const struct smtp_transaction *t,
	size_t at, size_t end, struct buf *to);

#endif
