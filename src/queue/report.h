/* Delivery status notifications (RFC 3461, 3464, 6533), as messages ready to be delivered. Pure but
 * for the date and the ids. */
#ifndef QUEUE_REPORT_H
#define QUEUE_REPORT_H

#include "base/buf.h"
#include "envelope/command.h"

enum queue_report_action { /* RFC 3464 section 2.3.3; the worst comes first */
	QUEUE_REPORT_FAILED,
	QUEUE_REPORT_DELAYED,
	QUEUE_REPORT_EXPANDED,
	QUEUE_REPORT_RELAYED, /* to where nobody will report on it */
	QUEUE_REPORT_DELIVERED,
};

/* Is such a report wanted by this sender (empty: "<>") for a recipient with these enum
 * envelope_notify bits (RFC 3461 section 4.1)? Who did not say hears of failures and delays. */
bool queue_report_wanted(struct slice sender, unsigned notify, enum queue_report_action action);

struct queue_report_recipient {
	enum queue_report_action action;
	struct slice address;
	bool is_utf8;
	struct slice orcpt; /* "rfc822;…" xtext, as written; empty: none */
	const char *status; /* "5.1.1"; NULL or "": by the action */
	const char *words;  /* for people, one line; NULL: by the action */
	const char *remote; /* the server that spoke last; NULL: none */
	int code;           /* what it said: "550 <said_status> <said_text>"; 0: nothing */
	const char *said_status, *said_text;
	int64_t last_attempt; /* seconds since 1970; 0: not told */
	int64_t retry_until;  /* the same; told with delays */
};

struct queue_report {
	const char *hostname; /* who reports */
	struct slice sender;  /* who is told */
	struct slice envid;   /* xtext, as written; empty: none */
	enum envelope_ret ret;
	bool smtputf8;
	int64_t arrival; /* of the message, seconds since 1970; 0: not told */
	const struct queue_report_recipient *recipients;
	size_t count;
	struct slice extra, message; /* our fields in front, and the message */
};

/* Appends the whole report. Of the message its header comes back, or with a failure and RET=FULL
 * all of it, unless it is binary. What servers said and other words are cleaned of control
 * characters. The report is 8BITMIME, and SMTPUTF8 if queue_report_is_utf8(). */
void queue_report_write(const struct queue_report *report, struct buf *to);
bool queue_report_is_utf8(const struct queue_report *report);

#endif
