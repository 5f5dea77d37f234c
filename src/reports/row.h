/* What is counted for reports, as bytes in the store: docs/formats/reports.md. Pure; slices that
 * come out point into the bytes that went in.
 *
 * A report is a collection; each of its rows is an object, and counts messages (DMARC) or sessions
 * (TLS) that are alike in all that its key says. */
#ifndef REPORTS_ROW_H
#define REPORTS_ROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "filter/dmarc_report.h"

enum reports_kind { REPORTS_DMARC = 1, REPORTS_TLS = 2 }; /* on disk */
const char *reports_kind_name(enum reports_kind kind);    /* "dmarc", "tls" */

enum {
	REPORTS_KEY_MAX = 16 * 1024,
	REPORTS_ABOUT_MAX = 4096,
	REPORTS_TEXT_MAX = 255, /* bytes of a text in a key; the rest is cut off */
	REPORTS_POLICY_MAX = 8 * 1024,
	REPORTS_ROW_NAME = 41,
	REPORTS_NAME_MAX = 300,
	DAY_SECONDS = 24 * 3600,
};

struct reports_row {
	uint64_t good, bad; /* that passed, and that did not */
	struct slice key;
};
/* False: damaged, or of a version that can't be read here. */
WARN_UNUSED bool reports_row_read(struct slice data, struct reports_row *ret_row);
void reports_row_write(const struct reports_row *row, struct buf *to);
/* What an object with that key is called. */
void reports_row_name(struct slice key, char ret_name[REPORTS_ROW_NAME]);

/* A row of DMARC; its `count` is no part of the key. */
void reports_dmarc_key(const struct filter_dmarc_row *row, struct buf *to);
WARN_UNUSED bool reports_dmarc_read(
	struct slice key, struct arena *arena, struct filter_dmarc_row *ret_row);

/* RFC 8460 section 4.4; numbers are on disk. */
enum reports_tls_type { REPORTS_NO_POLICY, REPORTS_TLSA, REPORTS_STS };
const char *reports_tls_type_name(enum reports_tls_type type); /* "no-policy-found" */
struct reports_tls_policy {
	enum reports_tls_type type;
	struct slice text;  /* a line each of policy-string */
	struct slice hosts; /* a line each of mx-host */
};
/* Section 4.3; numbers are on disk. */
enum reports_tls_result {
	REPORTS_TLS_FINE,
	REPORTS_STARTTLS_NOT_SUPPORTED,
	REPORTS_CERTIFICATE_HOST_MISMATCH,
	REPORTS_CERTIFICATE_EXPIRED,
	REPORTS_CERTIFICATE_NOT_TRUSTED,
	REPORTS_VALIDATION_FAILURE,
	REPORTS_TLSA_INVALID,
	REPORTS_DNSSEC_INVALID,
	REPORTS_DANE_REQUIRED,
	REPORTS_STS_POLICY_FETCH_ERROR,
	REPORTS_STS_POLICY_INVALID,
	REPORTS_STS_WEBPKI_INVALID,
	REPORTS_TLS_RESULTS, /* how many there are */
};
const char *reports_tls_result_name(enum reports_tls_result result);
struct reports_tls_failure {
	enum reports_tls_result result;
	struct slice sending_ip, host, receiving_ip; /* empty: it did not get so far */
	struct slice reason;                         /* for people */
};
/* A row of the sessions under a policy; and one of those among them that failed alike. */
void reports_tls_policy_key(const struct reports_tls_policy *policy, struct buf *to);
void reports_tls_failure_key(
	struct slice policy_key, const struct reports_tls_failure *failure, struct buf *to);
enum { REPORTS_POLICY_ID = 8 };
struct reports_tls_key {
	bool is_failure;
	unsigned char
		policy_id[REPORTS_POLICY_ID]; /* the same in a policy's row and its failures' */
	struct reports_tls_policy policy;
	struct reports_tls_failure failure;
};
WARN_UNUSED bool reports_tls_read(struct slice key, struct reports_tls_key *ret_key);

/* The data of a report's collection. */
struct reports_head {
	int64_t begin;      /* seconds since 1970 */
	uint64_t good, bad; /* of all rows, also of those that there was no room for */
	uint64_t attempts;  /* to send it */
	int64_t first_s,
		next_s;     /* when that was tried first; not again before: seconds since 1970 */
	struct slice about; /* the domain's record: of DMARC, or of TLS reporting, if known */
};
WARN_UNUSED bool reports_head_read(struct slice data, struct reports_head *ret_head);
void reports_head_write(const struct reports_head *head, struct buf *to);

/* Its name: "2026-11-27 dmarc example.org". */
struct reports_name {
	int64_t day; /* its first second, since 1970 */
	enum reports_kind kind;
	struct slice domain; /* lower case */
};
void reports_name_write(const struct reports_name *name, char ret_text[REPORTS_NAME_MAX]);
WARN_UNUSED bool reports_name_read(struct slice text, struct reports_name *ret_name);

/* The data of what was sent last to a domain; such an object is named "dmarc example.org". */
struct reports_sent {
	int64_t end, sent_s; /* of the report's time; when that was: seconds since 1970 */
	struct slice id;
};
WARN_UNUSED bool reports_sent_read(struct slice data, struct reports_sent *ret_sent);
void reports_sent_write(const struct reports_sent *sent, struct buf *to);

#endif
