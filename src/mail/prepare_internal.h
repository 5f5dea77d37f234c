/* What is worked out of a message's bytes once, before any lock is taken. */
#ifndef MAIL_PREPARE_INTERNAL_H
#define MAIL_PREPARE_INTERNAL_H

#include "mail/mail.h"

struct mail_prepared {
	uint32_t header_len;
	struct buf facet; /* failed: too large to be kept */
};
/* ERR_LIMIT when the message has more than `max` bytes. */
int mail_prepare(uint64_t max, struct slice bytes, struct mail_prepared *ret_prepared,
	struct err *err) WARN_UNUSED;
void mail_prepared_free(struct mail_prepared *prepared);
/* To be stored with the message. */
struct slice mail_prepared_facet(const struct mail_prepared *prepared);
/* Envelope and structure, appended as a facet record. */
void mail_facet_make(struct slice bytes, uint32_t *ret_header_len, struct buf *to);

#endif
