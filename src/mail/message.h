/* Reading messages: facts, envelope and structure, bytes. */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "mail/mail.h"
#include "message/date.h"

struct mail_message {
	struct id id;   /* of this copy */
	struct id blob; /* the bytes; the same for all copies: EMAILID (RFC 8474) */
	uint32_t uid;
	uint32_t size, header_len; /* header with its empty line */
	uint64_t modseq;
	struct message_date internal_date;
	int64_t saved; /* seconds since 1970; SAVEDATE (RFC 8514) */
	uint8_t flags;
	struct mail_keywords keywords;
};

/* MAIL_ABSENT. keywords lie in the arena. */
int mail_message_get(struct mail *mail, struct id account, struct id mailbox, uint32_t uid,
	struct arena *arena, struct mail_message *ret_message, struct err *err) WARN_UNUSED;
/* Those with first <= uid <= last, ascending, until `visit` returns false. What it gets is valid
 * during the call only. One pass, no allocation per message. */
int mail_message_scan(struct mail *mail, struct id account, struct id mailbox, uint32_t first,
	uint32_t last, bool (*visit)(void *context, const struct mail_message *message),
	void *context, struct err *err) WARN_UNUSED;

/* What is kept beside each message, in the words of IMAP (message/imap_form.h). */
struct mail_facet {
	struct slice envelope;  /* ENVELOPE's value */
	struct slice structure; /* BODYSTRUCTURE's value */
};
int mail_facet_get(struct mail *mail, struct id account, struct id mailbox, uint32_t uid,
	struct buf *to, struct mail_facet *ret_facet, struct err *err) WARN_UNUSED;
int mail_facet_scan(struct mail *mail, struct id account, struct id mailbox, uint32_t first,
	uint32_t last, bool (*visit)(void *context, uint32_t uid, const struct mail_facet *facet),
	void *context, struct err *err) WARN_UNUSED;

/* Appends `len` bytes from `offset` of the message. ERR_DAMAGED names the message. MAIL_ABSENT when
 * it was expunged and its bytes are gone. */
int mail_message_read(struct mail *mail, struct id blob, uint64_t offset, uint64_t len,
	struct buf *to, struct err *err) WARN_UNUSED;

#endif
