/* Mail in the store: what mailboxes, messages, flags and quota mean, written once for every
 * protocol and every driver.
 *
 * A mailbox is a collection of kind STORE_MAILBOX, a message an object in it; UID is the object's
 * number, MODSEQ its change number, UIDNEXT the collection's next number. How rows are laid out:
 * docs/formats/mail.md. All calls may be made from any thread. */
#ifndef MAIL_MAIL_H
#define MAIL_MAIL_H

#include "store/store.h"

enum { MAIL_ABSENT = STORE_ABSENT }; /* positive outcome: no such mailbox or message */

/* System flags (RFC 9051 section 2.3.2) as bits; the numbers are on disk. */
enum mail_flag {
	MAIL_SEEN = 1,
	MAIL_ANSWERED = 2,
	MAIL_FLAGGED = 4,
	MAIL_DELETED = 8,
	MAIL_DRAFT = 16,
};

/* Keywords: names without "\", compared without case, kept as first written. */
enum { MAIL_KEYWORDS_MAX = 64, MAIL_KEYWORD_LEN_MAX = 255 };
struct mail_keywords {
	uint32_t count;
	const struct slice *names; /* sorted without case, each once */
};
/* Sorts, drops doubles; the result lies in the arena. ERR_LIMIT past the maxima, ERR_BAD_INPUT for
 * what is no atom. */
int mail_keywords_make(const struct slice *names, size_t count, struct arena *arena,
	struct mail_keywords *ret_keywords, struct err *err) WARN_UNUSED;
/* Names and their bytes in one block: free((void *)copy.names). */
WARN_UNUSED struct mail_keywords mail_keywords_copy(const struct mail_keywords *keywords);
bool mail_keywords_has(const struct mail_keywords *keywords, struct slice name);

/* What an account may hold; 0 means no limit. Operations that add messages get it from the caller,
 * who asks the directory. */
struct mail_limits {
	uint64_t bytes, messages;
	struct id domain; /* ID_NONE: not counted by domain */
	uint64_t domain_bytes, domain_messages;
};

struct mail;
struct mail_options {
	struct store *store;   /* borrowed */
	uint64_t message_max;  /* bytes of one message; 0: 64 MiB */
	uint32_t cached_views; /* mailboxes whose rows stay in memory unused; 0: 1,000 */
	bool learn;            /* moves note what a spam filter is to learn (learn.h) */
};
int mail_open(
	const struct mail_options *options, struct mail **ret_mail, struct err *err) WARN_UNUSED;
void mail_close(struct mail *mail);
struct store *mail_store(struct mail *mail);
uint64_t mail_message_max(struct mail *mail);

#endif
