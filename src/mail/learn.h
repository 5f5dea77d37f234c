/* What a spam filter is to learn from what users move.
 *
 * A message that is moved or copied into the mailbox for junk is spam, one that goes out of it is
 * none; what goes to the mailbox for trash, is expunged, appended or delivered says nothing. The
 * move notes a *lesson* in the same write: an object with the message's body, in a collection of
 * kind STORE_LEARN of the user's account (docs/formats/mail.md). So it is as durable as the move,
 * and a mirror has it at both nodes. A body has one lesson at most: the last judgement holds.
 *
 * Who teaches claims a lesson first, which is a write: then nobody else, at either node, has it
 * until the claim runs out. Nothing is noted unless mail_options says so. */
#ifndef MAIL_LEARN_H
#define MAIL_LEARN_H

#include "mail/mail.h"

#include <stdatomic.h>

enum mail_learn_as { MAIL_LEARN_SPAM = 1, MAIL_LEARN_HAM = 2 }; /* the numbers are on disk */

/* What is beyond is not noted: lessons count for no quota. */
enum {
	MAIL_LEARN_MESSAGE_MAX = 8 << 20,
	MAIL_LEARN_WAITING_MAX = 1000, /* lessons of an account */
	MAIL_LEARN_BYTES_MAX = 256 << 20,
	MAIL_LEARN_CLAIM_MS = 2 * 60 * 1000,
};

struct mail_lesson {
	struct id account;
	struct id blob;
	uint64_t size;
	enum mail_learn_as as;
	int64_t noted;  /* seconds since 1970 */
	uint32_t tries; /* that were in vain */
	uint32_t number;
	uint64_t change;
};

/* Accounts in which something may wait are listed in memory, each once: by moves of this process,
 * and by mail_learn_scan(). Times are clock_wall_ms(). Takes one off the list; false: none now. */
WARN_UNUSED bool mail_learn_take(struct mail *mail, int64_t now, struct id *ret_account);
/* Lists it, from `due` on. */
void mail_learn_expect(struct mail *mail, struct id account, int64_t due);
/* An account found no room on the list since this was asked last: scan again. */
WARN_UNUSED bool mail_learn_missed(struct mail *mail);
/* Lists all accounts in which something waits; `stop` ends it. Gives way between accounts, and has
 * the ids of all in memory meanwhile. */
int mail_learn_scan(struct mail *mail, const atomic_bool *stop, struct err *err) WARN_UNUSED;

/* The account's first lesson that is due and not claimed. MAIL_ABSENT: none; the account is listed
 * again if one will be due later. */
int mail_learn_claim(struct mail *mail, struct id account, int64_t now,
	struct mail_lesson *ret_lesson, struct err *err) WARN_UNUSED;
/* Ends the claim: the lesson is learnt, or given up. One that was judged anew meanwhile stays. */
int mail_learn_done(
	struct mail *mail, const struct mail_lesson *lesson, struct err *err) WARN_UNUSED;
/* Ends the claim: it was in vain, and is due again then. */
int mail_learn_put_off(struct mail *mail, const struct mail_lesson *lesson, int64_t due,
	struct err *err) WARN_UNUSED;

#endif
