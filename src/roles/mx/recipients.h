/* Where mail for a recipient goes: into a store of ours, on to addresses elsewhere, or both. */
#ifndef ROLES_MX_RECIPIENTS_H
#define ROLES_MX_RECIPIENTS_H

#include "queue/queue.h"
#include "roles/mx/backup.h"
#include "roles/mx/local.h"
#include "roles/mx/srs.h"
#include "smtp/server.h"

#include <stdatomic.h>

enum {
	/* Of one message, each in the queue by itself; more recipients are put off (452), which
	 * servers then send in a message of their own. */
	MX_FORWARDERS_MAX = 100,
	MX_FORWARDS_MAX = 10000, /* addresses elsewhere behind them */
};

/* The `backend` of a recipient, in the transaction's arena. */
struct mx_recipient {
	bool stays;                  /* something of it goes into mailboxes of ours: */
	struct smtp_destinations to; /* there; in the transaction's arena, too */
	bool relayed;    /* it is not ours at all: a user or a milter sends to another server */
	bool at_primary; /* the same, in a domain for which we are a backup */
	struct slice forwarder; /* the address of ours that leads to `elsewhere` */
	struct slice *elsewhere;
	size_t count; /* of these; 0: it is not forwarded */
};

struct mx_recipients {
	struct directory *directory;
	struct mx_local *local; /* NULL: all live in one store */
	struct mx_srs *srs;
	struct mx_backup *backup;                    /* NULL: for no domain */
	atomic_uint_fast64_t led_back, not_led_back; /* rewritten senders */
};

/* Asks the directory. `may_leave`: it may be elsewhere; else relaying is refused. What comes back
 * to a rewritten sender is led to who that stands for, whoever sends it. */
int mx_recipients_find(struct mx_recipients *recipients, struct smtp_transaction *t,
	struct smtp_recipient *r, bool may_leave, struct err *err) WARN_UNUSED;

/* Who gets a report that we write to a sender: who a rewritten one stands for, and where his mail
 * goes on to. At least one, in the arena. Negative: can't be told now. */
int mx_recipients_of_report(struct mx_recipients *recipients, struct slice sender,
	struct arena *arena, struct queue_recipient **ret_list, size_t *ret_count,
	struct err *err) WARN_UNUSED;

static inline const struct mx_recipient *mx_recipient_of(const struct smtp_recipient *r)
{
	return (const struct mx_recipient *)r->backend;
}

#endif
