/* Changing mailboxes' messages: append, deliver, flags, expunge, copy, move. Durable when they
 * return 0; each call is one transaction: all of it or nothing. */
#ifndef MAIL_CHANGE_H
#define MAIL_CHANGE_H

#include "mail/mail.h"
#include "mail/mailbox.h"
#include "mail/set.h"
#include "message/date.h"

struct mail_new {
	struct slice bytes; /* the whole message, CRLF line ends */
	uint8_t flags;
	struct mail_keywords keywords;
	struct message_date internal_date;
};

/* UIDs that were given, in the order of the messages: each is the one before and `step`, 1 or 2. */
struct mail_added {
	uint32_t uid_validity, first_uid, step;
	uint64_t change;
};

/* All `count` of them. */
void mail_added_set(const struct mail_added *added, size_t count, struct mail_set *to);

/* ERR_OVER_QUOTA, ERR_LIMIT (size), ERR_ABSENT (mailbox). */
int mail_append(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_limits *limits, const struct mail_new *messages, size_t count,
	struct mail_added *ret_added, struct err *err) WARN_UNUSED;

/* One message to many accounts; its bytes are stored once. */
struct mail_delivery {
	struct id account;
	struct mail_limits limits;
	struct slice mailbox; /* a name; empty or missing ones mean INBOX */
	/* In place of a name: the mailbox of that special use; Junk is made when there is none. */
	enum mail_use use;
	/* What it is known by when it is tried more than once (mail_delivery_id()); ID_NONE: it
	 * never is. `again`: it may have been delivered before, and is not twice then. */
	struct id id;
	bool again;
	/* Filled: 0 delivered; negative: not, and why. */
	int result;
	struct err err;
	uint32_t uid;   /* 0: it was there */
	bool was_there; /* it had been delivered before */
};
/* The same whenever this message is delivered for this recipient into this account. */
struct id mail_delivery_id(struct id message, struct slice recipient, struct id account);
/* 0 when the transaction is through (each delivery has its own result: over quota is one's own
 * affair); negative when nothing was delivered to anybody. The same account twice gets one copy. */
int mail_deliver(struct mail *mail, struct slice bytes, struct mail_delivery *deliveries,
	size_t count, struct err *err) WARN_UNUSED;
/* Would `bytes` more fit now? ERR_OVER_QUOTA. For RCPT TO with SIZE. */
int mail_room_check(struct mail *mail, struct id account, const struct mail_limits *limits,
	uint64_t bytes, struct err *err) WARN_UNUSED;

enum mail_store_mode { MAIL_STORE_SET, MAIL_STORE_ADD, MAIL_STORE_REMOVE };
struct mail_store_request {
	struct mail_set uids;
	enum mail_store_mode mode;
	uint8_t flags;
	struct mail_keywords keywords;
	bool conditional; /* CONDSTORE: only messages whose modseq <= unchanged_since */
	uint64_t unchanged_since;
};
/* `ret_failed`: UIDs that were changed by others since (MODIFIED). Messages whose flags are already
 * so keep their modseq. *ret_change is the change number of what was changed. UIDs that do not
 * exist are ignored. Either set may be NULL. */
int mail_store_flags(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_store_request *request, struct mail_set *ret_changed,
	struct mail_set *ret_failed, uint64_t *ret_change, struct err *err) WARN_UNUSED;

/* Expunges messages that have \Deleted (or, with `any`, regardless), all or those in `uids` (NULL:
 * all). */
int mail_expunge(struct mail *mail, struct id account, struct id mailbox,
	const struct mail_set *uids, bool any, struct mail_set *ret_expunged, uint64_t *ret_change,
	struct err *err) WARN_UNUSED;

/* A message as somebody saw it. Its UID may be another one by now (docs/mirror.md), its id is not.
 */
struct mail_seen {
	struct id id;
	uint32_t uid;
};
/* Expunges those, under whatever UID they are; one that is not in the mailbox is gone already. The
 * list is put in another order. ERR_ABSENT: there is no such mailbox. */
int mail_expunge_seen(struct mail *mail, struct id account, struct id mailbox,
	struct mail_seen *messages, size_t count, size_t *ret_expunged,
	struct err *err) WARN_UNUSED;

/* Copies keep flags, keywords, internal date; bytes are shared, not copied. ret_from[i] became
 * first_uid + i. With `move` the originals are expunged in the same transaction. Missing UIDs are
 * ignored. Same account only. The caller frees *ret_from. ERR_OVER_QUOTA (copy only). */
int mail_copy(struct mail *mail, struct id account, struct id from_mailbox,
	const struct mail_set *uids, struct id to_mailbox, bool move,
	const struct mail_limits *limits, uint32_t **ret_from, size_t *ret_count,
	struct mail_added *ret_added, struct err *err) WARN_UNUSED;

#endif
