/* What the files of the reports share. */
#ifndef REPORTS_REPORTS_INTERNAL_H
#define REPORTS_REPORTS_INTERNAL_H

#include "reports/reports.h"
#include "reports/table.h"

#include <pthread.h>

enum { REPORTS_ROWS_MAX = 20000 }; /* of one report; what more there is only its sums have */

struct reports {
	struct reports_options options;
	pthread_mutex_t lock; /* guards table; nothing waits under it */
	struct reports_table *table;
	atomic_uint_fast64_t dmarc_counted, tls_counted, dropped;
	atomic_uint_fast64_t dmarc_sent, tls_sent, failures, given_up;
};

/* Counts; what there is no room for is counted as dropped. */
void reports_add(struct reports *r, const struct reports_name *name, struct slice about,
	const struct reports_row *row);
WARN_UNUSED bool reports_is_stopping(const struct reports *r);
WARN_UNUSED bool reports_works_on(const struct reports *r, struct id account);

/* load.c */
/* Accounts that have rows, this node's and others', in the arena. */
int reports_find_accounts(struct reports *r, struct arena *arena, struct id **ret_accounts,
	size_t *ret_count, struct err *err) WARN_UNUSED;
/* A report with its rows, in the arena. */
struct reports_loaded {
	struct id account, collection;
	uint64_t change; /* the collection's, when it was read */
	struct reports_name name;
	struct reports_head head;
	struct reports_row *rows;
	size_t count;
};
/* STORE_ABSENT. */
int reports_load(struct reports *r, struct id account, struct slice name, struct arena *arena,
	struct reports_loaded *ret_loaded, struct err *err) WARN_UNUSED;
/* STORE_ABSENT. */
int reports_find_sent(struct reports *r, struct id account, const struct reports_name *name,
	struct arena *arena, struct reports_sent *ret_sent, struct err *err) WARN_UNUSED;

/* sent.c: what was sent last, in a write that has begun; ID_NONE for no collection. */
int reports_sent_get(struct store_write *write, struct id account, const struct reports_name *name,
	struct reports_sent *ret_sent, struct err *err) WARN_UNUSED;
int reports_sent_put(struct store_write *write, struct id account, const struct reports_name *name,
	const struct reports_sent *sent, struct err *err) WARN_UNUSED;
/* Those of more than a month ago go. */
int reports_sent_clean(
	struct reports *r, struct id account, int64_t now_s, struct err *err) WARN_UNUSED;

/* uri.c: the URIs that a domain's record of TLS reporting has. 1: it has none. */
int reports_find_tls_record(struct dns *dns, struct slice domain, struct arena *arena,
	struct slice *ret_text, struct slice *ret_rua, struct err *err) WARN_UNUSED;

/* build.c: the report of what was loaded, with its destinations. */
struct reports_outgoing {
	struct arena arena;
	struct reports_loaded loaded;
	char id[64];
	int64_t end;
	struct slice organization, email, contact, submitter;
	struct slice addresses[FILTER_DMARC_DESTINATIONS_MAX];
	size_t address_count;
	struct slice posts[FILTER_DMARC_DESTINATIONS_MAX]; /* https URIs */
	size_t post_count;
	struct buf gzip, mail; /* the mail is not signed, and empty without addresses */
};
void reports_outgoing_free(struct reports_outgoing *out);
/* Of loaded and the arena, which are filled; asks the DNS. */
int reports_build(struct reports *r, struct reports_outgoing *out, struct err *err) WARN_UNUSED;

/* send.c */
/* STORE_ABSENT: it is not there (any more). `ret_sent` borrows from `out`. */
int reports_send_one(struct reports *r, struct id account, struct slice name,
	struct reports_outgoing *out, struct reports_sent_now *ret_sent,
	struct err *err) WARN_UNUSED;

#endif
