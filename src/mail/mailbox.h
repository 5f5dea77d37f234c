/* Mailboxes: the tree of names, special use, subscriptions, counters.
 *
 * Names are UTF-8 (normalised to NFC), levels are separated by "/". "INBOX" is always there, in any
 * case. A name whose parents are missing is allowed: those are listed as \NonExistent. */
#ifndef MAIL_MAILBOX_H
#define MAIL_MAILBOX_H

#include "mail/mail.h"

#define MAIL_SEPARATOR '/'
enum { MAIL_NAME_MAX = 1000, MAIL_LEVELS_MAX = 32 };

/* Special uses (RFC 6154) as bits; the numbers are on disk. */
enum mail_use {
	MAIL_USE_ALL = 1,
	MAIL_USE_ARCHIVE = 2,
	MAIL_USE_DRAFTS = 4,
	MAIL_USE_FLAGGED = 8,
	MAIL_USE_JUNK = 16,
	MAIL_USE_SENT = 32,
	MAIL_USE_TRASH = 64,
	MAIL_USE_IMPORTANT = 128,
};
/* "\Sent" … of one bit, and back (0: unknown). */
const char *mail_use_name(enum mail_use use);
unsigned mail_use_of(struct slice name);

struct mail_mailbox {
	struct id id;
	struct slice name; /* in the caller's arena */
	uint32_t uid_validity, uid_next;
	unsigned uses;   /* bits of enum mail_use */
	uint64_t change; /* HIGHESTMODSEQ; at least 1 */
	uint64_t messages, unseen, deleted, bytes;
	bool subscribed; /* only filled by mail_mailbox_list */
};

/* A name that may be created: valid UTF-8, no control characters, no empty level, bounds kept;
 * "inbox" in any case becomes "INBOX" (also as the first level). NFC. ERR_BAD_INPUT. */
int mail_name_check(struct slice name, struct arena *arena, struct slice *ret_name,
	struct err *err) WARN_UNUSED;

/* All mailboxes by name, INBOX first. */
int mail_mailbox_list(struct mail *mail, struct id account, struct arena *arena,
	struct mail_mailbox **ret_array, size_t *ret_count, struct err *err) WARN_UNUSED;
/* MAIL_ABSENT. */
int mail_mailbox_find(struct mail *mail, struct id account, struct slice name, struct arena *arena,
	struct mail_mailbox *ret_mailbox, struct err *err) WARN_UNUSED;
int mail_mailbox_get(struct mail *mail, struct id account, struct id mailbox, struct arena *arena,
	struct mail_mailbox *ret_mailbox, struct err *err) WARN_UNUSED;
/* ERR_EXISTS; `uses` that another mailbox of the account has are refused (ERR_PERMANENT). */
int mail_mailbox_create(struct mail *mail, struct id account, struct slice name, unsigned uses,
	struct arena *arena, struct mail_mailbox *ret_mailbox, struct err *err) WARN_UNUSED;
/* Messages go with it; children stay. INBOX can't be deleted. ERR_ABSENT, ERR_DENIED. */
int mail_mailbox_delete(
	struct mail *mail, struct id account, struct slice name, struct err *err) WARN_UNUSED;
/* With its children, at once. INBOX: its messages move to the new mailbox (RFC 9051 section 6.3.6).
 * ERR_ABSENT, ERR_EXISTS, ERR_BAD_INPUT. Subscriptions stay as they are. */
int mail_mailbox_rename(struct mail *mail, struct id account, struct slice from, struct slice to,
	struct err *err) WARN_UNUSED;
/* The name need not exist. Doing it twice is fine. */
int mail_subscribe(struct mail *mail, struct id account, struct slice name, bool on,
	struct err *err) WARN_UNUSED;
/* Subscribed names in byte order, also of mailboxes that are gone. */
int mail_list_subscriptions(struct mail *mail, struct id account, struct arena *arena,
	struct slice **ret_names, size_t *ret_count, struct err *err) WARN_UNUSED;
/* What a new account gets: INBOX, Drafts, Sent, Archive, Junk, Trash with their uses, subscribed.
 * Doing it twice changes nothing. */
int mail_account_prepare(struct mail *mail, struct id account, struct err *err) WARN_UNUSED;

#endif
