/* A view: the rows of one mailbox at one change number, immutable and shared by all who look at it.
 *
 * Rows are kept in reference-counted chunks; a newer view shares the chunks that did not change, so
 * a view costs memory once however many sessions hold it, and following one change in a mailbox of
 * a million messages copies one chunk. The process keeps the newest view of recently used
 * mailboxes. */
#ifndef MAIL_VIEW_H
#define MAIL_VIEW_H

#include "mail/mail.h"
#include "mail/set.h"

struct mail_row {
	uint64_t modseq;
	uint32_t uid;
	uint32_t size;     /* RFC822.SIZE */
	uint32_t keywords; /* see mail_view_keywords; 0: none */
	uint8_t flags;     /* enum mail_flag */
	bool gone;         /* expunged, kept by mail_view_merge */
};

struct mail_view;

/* The newest view, brought up to date with the store. MAIL_ABSENT when the mailbox is gone. Costs
 * one key look-up when nothing changed. */
int mail_view_open(struct mail *mail, struct id account, struct id mailbox,
	struct mail_view **ret_view, struct err *err) WARN_UNUSED;
struct mail_view *mail_view_ref(struct mail_view *view);
void mail_view_unref(struct mail_view *view); /* NULL is fine */

uint32_t mail_view_count(const struct mail_view *view); /* EXISTS */
uint32_t mail_view_uid_validity(const struct mail_view *view);
uint32_t mail_view_uid_next(const struct mail_view *view);
uint64_t mail_view_change(const struct mail_view *view); /* HIGHESTMODSEQ */
/* Row of sequence number 1 … count. */
const struct mail_row *mail_view_row(const struct mail_view *view, uint32_t seq);
/* Sequence number of the first row with that UID or a larger one; count + 1 when there is none. */
uint32_t mail_view_seq_from(const struct mail_view *view, uint32_t uid);
/* Sequence number of that UID, 0 when it is not in the view. */
uint32_t mail_view_seq(const struct mail_view *view, uint32_t uid);
/* The keywords of a row; borrowed from the view. Equal sets have the same number. */
const struct mail_keywords *mail_view_keywords(const struct mail_view *view, uint32_t keywords);
/* All keywords in use, each once (FLAGS response). */
void mail_view_all_keywords(
	const struct mail_view *view, struct arena *arena, struct mail_keywords *ret_keywords);
/* Sequence number of the first message without \Seen, 0 when there is none. */
uint32_t mail_view_first_unseen(const struct mail_view *view);

/* What differs from `from` to `to` (both of the same mailbox), in one pass that skips shared
 * chunks. `gone` is called for rows that left, descending, with the sequence number in `from`: the
 * order in which EXPUNGE is sent; then `changed` for rows in both whose modseq differs, ascending,
 * with the sequence number in `to`. Rows that are new are those behind. Either may be NULL. */
void mail_view_diff(const struct mail_view *from, const struct mail_view *to,
	void (*gone)(void *context, uint32_t seq, const struct mail_row *row),
	void (*changed)(void *context, uint32_t seq, const struct mail_row *row), void *context);
/* `to` with the rows that left since `from` still in place (gone is set), for commands during which
 * no EXPUNGE may be sent (RFC 9051 section 7.5.1). Returns a new reference; `to` itself when no row
 * left. Gone rows that `from` already kept stay. */
struct mail_view *mail_view_merge(struct mail_view *from, struct mail_view *to);

/* Messages that are \Recent: UIDs from here on were not seen by a session before. Taking it makes
 * the mailbox have no recent ones for the next who asks; looking does not. Known since the start of
 * the process; memory only. */
uint32_t mail_recent_from(
	struct mail *mail, struct id account, struct id mailbox, uint32_t uid_next, bool take);

#endif
