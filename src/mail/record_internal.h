/* What mail keeps in the store's opaque fields (docs/formats/mail.md): a message's data, a
 * mailbox's data, a message's facet. Reading never trusts: false means damage. */
#ifndef MAIL_RECORD_INTERNAL_H
#define MAIL_RECORD_INTERNAL_H

#include "mail/mail.h"
#include "message/date.h"

enum { MAIL_FLAGS_ALL = 31 };
/* Version, flags, numbers, count, and every keyword with its length. */
enum { MAIL_RECORD_MAX = 64 + MAIL_KEYWORDS_MAX * (MAIL_KEYWORD_LEN_MAX + 2) };

struct mail_record {
	uint8_t flags;
	struct message_date internal_date;
	int64_t saved;
	uint32_t header_len;
	struct mail_keywords keywords; /* names is `names` after reading */
	struct slice names[MAIL_KEYWORDS_MAX];
};
void mail_record_write(const struct mail_record *record, struct buf *to);
/* Keywords point into `data` and into the record: it must not be copied. */
WARN_UNUSED bool mail_record_read(struct slice data, struct mail_record *ret_record);

struct mail_box_record {
	uint32_t uid_validity;
	unsigned uses;
	uint64_t unseen, deleted; /* living messages without \Seen, with \Deleted */
};
enum { MAIL_BOX_RECORD_MAX = 41 };
void mail_box_record_write(const struct mail_box_record *record, struct buf *to);
WARN_UNUSED bool mail_box_record_read(struct slice data, struct mail_box_record *ret_record);

/* What waits to be learnt. */
struct mail_learn_record {
	unsigned as; /* enum mail_learn_as */
	uint32_t tries;
	int64_t noted; /* seconds since 1970 */
	int64_t due;   /* milliseconds since 1970; claimed until then, or put off */
};
enum { MAIL_LEARN_RECORD_MAX = 32 };
void mail_learn_record_write(const struct mail_learn_record *record, struct buf *to);
WARN_UNUSED bool mail_learn_record_read(struct slice data, struct mail_learn_record *ret_record);

/* The name of the account's mail settings, of kind STORE_SETTINGS. */
#define MAIL_SETTINGS SLICE("mail")

/* A larger facet is not kept but made when it is asked for. */
enum { MAIL_FACET_MAX = 1 << 20 };
struct mail_facet_record {
	/* Date, Subject, In-Reply-To, Message-ID: the header says no more than the envelope. */
	bool texts_are_whole;
	struct slice envelope, structure;
};
void mail_facet_record_write(const struct mail_facet_record *record, struct buf *to);
WARN_UNUSED bool mail_facet_record_read(struct slice data, struct mail_facet_record *ret_record);

#endif
