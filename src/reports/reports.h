/* Reports that a mail exchanger owes to others: how mail in a domain's name was judged here
 * (DMARC, RFC 9990), and how TLS went when mail was brought to it (RFC 8460).
 *
 * What is counted is gathered in memory, bounded, and written into the mx's own store once a
 * minute, so no message waits for a disk. Once a day a report goes to who asked for it, through the
 * queue: the commit that puts it there takes its rows away. docs/reports.md. */
#ifndef REPORTS_REPORTS_H
#define REPORTS_REPORTS_H

#include "dns/dns.h"
#include "keys/keys.h"
#include "queue/queue.h"
#include "reports/row.h"

#include <stdatomic.h>

struct reports;

struct reports_options { /* all pointers are borrowed */
	struct store *store;
	struct queue *queue;
	struct keys *keys;
	struct dns *dns;           /* NULL: nothing can be sent */
	struct id node;            /* whose rows are written: each node of a mirror has its own */
	bool dmarc, tls;           /* what is counted */
	const char *from;          /* whose reports they are, an address */
	const char *envelope_from; /* who hears that one can't be delivered; "": nobody */
	const char *organization, *contact;
	/* Whether this node sends what lies in that account, now. NULL: it does. */
	bool (*works_on)(void *context, struct id account);
	/* 0: mail for the domain is ours; positive: it leaves; negative: can't tell now. */
	int (*find_domain)(void *context, struct slice domain, struct err *err);
	/* Gives a report of TLS (gzip) to an https URI. */
	int (*post)(void *context, struct slice uri, struct slice gzip, struct err *err);
	void *context;
	const atomic_bool *stopping; /* long work should end; may be NULL */
};
struct reports *reports_new(const struct reports_options *options);
/* What was not written down is lost. NULL is fine. */
void reports_free(struct reports *reports);
/* The account that has a node's rows. */
struct id reports_account(struct id node);

/* A message was judged by the record of `domain`; `row` says how, its count is 1. Quick; any
 * thread. NULL for `reports` is fine here: nothing is counted. */
void reports_count_dmarc(struct reports *reports, struct slice domain, struct slice record,
	const struct filter_dmarc_row *row);
/* A session with a host of `domain`; `failure` NULL: TLS was as the policy wants it. As above. */
void reports_count_tls(struct reports *reports, struct slice domain,
	const struct reports_tls_policy *policy, const struct reports_tls_failure *failure);

/* Writes down what was counted; what can't be is kept for the next time. Waits. */
int reports_fold(struct reports *reports, struct err *err) WARN_UNUSED;
/* The same, and then sends what is due. Once a minute, on a thread of the loop. */
void reports_work(struct reports *reports);

/* One report that is being gathered, or waits to be sent. */
struct reports_info {
	struct reports_name name;
	struct reports_head head;
	uint64_t rows;
	int64_t last_sent_s; /* to this domain, of this kind: seconds since 1970; 0: never */
	bool here;           /* this node will send it */
};
/* All, by account, day, kind and domain, as far as they are written down; `info` is valid during
 * the call. */
int reports_list(struct reports *reports,
	void (*visit)(void *context, const struct reports_info *info), void *context,
	struct err *err) WARN_UNUSED;
/* All rows of a domain's reports. */
int reports_show(struct reports *reports, struct slice domain,
	void (*visit)(
		void *context, const struct reports_name *name, const struct reports_row *row),
	void *context, struct err *err) WARN_UNUSED;

/* What became of one report. */
struct reports_sent_now {
	struct reports_name name;
	const char *id;
	uint64_t good, bad;
	size_t destinations; /* that took it; 0: nobody wants it, or `failure` says why */
	const struct err *failure;
};
/* Sends what there is of a domain, or (empty) of all, as far as this node does; days that are not
 * over, too. Waits. How many were looked at, or negative. */
int reports_send(struct reports *reports, struct slice domain,
	void (*visit)(void *context, const struct reports_sent_now *sent), void *context,
	struct err *err) WARN_UNUSED;

struct reports_figures {
	uint64_t rows;                                     /* in memory, now */
	uint64_t dmarc_counted, tls_counted;               /* since the start, as the others */
	uint64_t dropped;                                  /* there was no room for them */
	uint64_t dmarc_sent, tls_sent, failures, given_up; /* reports; attempts; reports */
};
struct reports_figures reports_figures(struct reports *reports);

#endif
