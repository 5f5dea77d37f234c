/* DMARC (RFC 9989, which took the place of RFC 7489): is the domain that a message names as its
 * author's one that SPF or DKIM vouches for, and if not, what does its owner want?
 *
 * Organisational domains are found by the walk up the DNS tree of section 4.10, eight questions a
 * domain at most (docs/decisions/0013). Asks the DNS, so it may wait (base/wait.h). */
#ifndef FILTER_DMARC_H
#define FILTER_DMARC_H

#include "base/arena.h"
#include "dns/dns.h"
#include "filter/dmarc_record.h"

enum {
	FILTER_DMARC_AUTHORS_MAX = 4,     /* domains in From; of more, none is believed */
	FILTER_DMARC_IDENTITIES_MAX = 20, /* signatures that count */
};

enum filter_dmarc_result {
	FILTER_DMARC_RESULT_NONE, /* the domain has no policy */
	FILTER_DMARC_RESULT_PASS,
	FILTER_DMARC_RESULT_FAIL,
	FILTER_DMARC_RESULT_TEMPERROR, /* can't tell now */
	FILTER_DMARC_RESULT_PERMERROR, /* no author's domain, or too many */
};

/* What SPF or DKIM said. */
enum filter_dmarc_vouch {
	FILTER_DMARC_DENIED,
	FILTER_DMARC_VOUCHED, /* "pass" */
	FILTER_DMARC_UNSURE,  /* "temperror": later it might be "pass" */
};

struct filter_dmarc_identity {
	struct slice domain; /* of MAIL FROM or HELO; d= of a signature. A-labels */
	enum filter_dmarc_vouch vouch;
};

struct filter_dmarc_query {
	struct dns *dns;
	const struct slice *authors; /* of filter_dmarc_authors() */
	size_t author_count;
	struct filter_dmarc_identity spf; /* no domain: SPF was not checked */
	const struct filter_dmarc_identity *dkim;
	size_t dkim_count;
};

struct filter_dmarc_answer {
	enum filter_dmarc_result result;
	enum filter_dmarc_policy policy;   /* that applies to this author: p, sp or np */
	enum filter_dmarc_policy disposal; /* what to do: with "fail" the policy, one step milder
					    * under t=y; else none */
	bool spf_aligned, dkim_aligned;    /* vouched for, and in alignment */
	struct slice author;               /* the domain that decided */
	struct slice policy_domain;        /* where the record was; empty: nowhere */
	struct slice record_text;          /* to parse again where it is reported */
	struct filter_dmarc_record record;
	const char *reason; /* one line, static or in the arena */
};

/* The domains of all addresses in all From fields of a header block, each once, in A-labels.
 * Section 5.3.1 wants exactly one. False: none, one that is no domain, or more than the maximum. */
WARN_UNUSED bool filter_dmarc_authors(struct slice header, struct arena *arena,
	struct slice ret_domains[FILTER_DMARC_AUTHORS_MAX], size_t *ret_count);
/* Of several authors each is judged; the strictest of the results that fail is the answer (section
 * 11.5). Its bytes lie in the arena. */
void filter_dmarc_check(const struct filter_dmarc_query *query, struct arena *arena,
	struct filter_dmarc_answer *ret_answer);
/* "pass", "fail" …, as RFC 8601 wants them. */
const char *filter_dmarc_result_name(enum filter_dmarc_result result);

#endif
