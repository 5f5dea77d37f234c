/* A milter: a program that is told of an SMTP session step by step, says what it thinks, and may
 * change the message at its end. The client's half, over a Unix or TCP socket.
 *
 * One struct belongs to one SMTP connection. Calls may wait (base/wait.h), within the time-outs.
 * After a failure every later call fails at once; what that means for the mail (accept it, or
 * answer 451) is the caller's decision. Steps that the filter does not want cost nothing. */
#ifndef FILTER_MILTER_H
#define FILTER_MILTER_H

#include "filter/milter_changes.h"
#include "net/address.h"

struct filter_milter;

struct filter_milter_options {
	const char *name; /* for errors; borrowed */
	struct net_address address;
	unsigned connect_ms; /* connecting and negotiating; 0: 10 s */
	unsigned command_ms; /* a step before the message's end; 0: 30 s */
	unsigned end_ms;     /* the message and its end, all changes with it; 0: 5 minutes */
	size_t body_max;     /* of a body that takes the message's place; 0: 64 MiB */
};

enum filter_milter_verdict_kind {
	FILTER_MILTER_GO_ON,  /* nothing against it (it may have said "accept": then it is not asked
			       * again) */
	FILTER_MILTER_REFUSE, /* 5xx: connection, transaction or recipient, as the step is */
	FILTER_MILTER_DEFER,  /* 4xx */
	FILTER_MILTER_DROP,   /* take the message and throw it away */
	FILTER_MILTER_HANG_UP, /* 421, and the connection ends */
};

struct filter_milter_verdict {
	enum filter_milter_verdict_kind kind;
	unsigned code;       /* 0: the caller's own words; 4xx, 5xx */
	struct slice status; /* "5.7.1", or empty */
	struct slice text;   /* one line of printing bytes, or empty. Until the next call */
};

/* Connects and negotiates. Negative: ERR_TEMPORARY. */
int filter_milter_open(const struct filter_milter_options *options, struct filter_milter **ret,
	struct err *err) WARN_UNUSED;
void filter_milter_close(struct filter_milter *milter); /* says goodbye. NULL is fine */
/* Between two messages: does the connection still stand? A filter may have gone meanwhile. */
bool filter_milter_is_open(struct filter_milter *milter);

/* A macro's value from now on ("i", "j", "{auth_authen}"); empty: it has none. Those are sent that
 * the filter has asked for, or that Sendmail sends by default at a step. */
void filter_milter_set(struct filter_milter *milter, const char *name, struct slice value);

/* Steps, in the order of SMTP. `host`: the client's name, or "[192.0.2.1]". */
int filter_milter_connect(struct filter_milter *milter, struct slice host,
	const struct net_address *client, struct filter_milter_verdict *ret_verdict,
	struct err *err) WARN_UNUSED;
int filter_milter_helo(struct filter_milter *milter, struct slice helo,
	struct filter_milter_verdict *ret_verdict, struct err *err) WARN_UNUSED;
/* Addresses without "<>"; `args`: the parameters as they were sent, separated by spaces. */
int filter_milter_mail(struct filter_milter *milter, struct slice sender, struct slice args,
	struct filter_milter_verdict *ret_verdict, struct err *err) WARN_UNUSED;
int filter_milter_rcpt(struct filter_milter *milter, struct slice recipient, struct slice args,
	struct filter_milter_verdict *ret_verdict, struct err *err) WARN_UNUSED;
int filter_milter_data(struct filter_milter *milter, struct filter_milter_verdict *ret_verdict,
	struct err *err) WARN_UNUSED;
/* The whole message, without what this host puts in front. *ret_changes is to be freed, also after
 * a failure; it lies in the arena, and counts only with FILTER_MILTER_GO_ON. Ends the transaction.
 */
int filter_milter_message(struct filter_milter *milter, struct slice message, struct arena *arena,
	struct filter_milter_changes *ret_changes, struct filter_milter_verdict *ret_verdict,
	struct err *err) WARN_UNUSED;
/* Ends a transaction without a message: RSET, or no recipient is left. */
void filter_milter_abort(struct filter_milter *milter);

#endif
