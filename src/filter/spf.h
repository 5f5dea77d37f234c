/* SPF: may this client send for that domain? (RFC 7208; check_host() of its section 4.)
 *
 * Asks the DNS, so it may wait (base/wait.h). At most 10 terms that ask, 2 of them in vain, 10
 * hosts of an mx, 10 names of a ptr (section 4.6.4), and 20 seconds in all. */
#ifndef FILTER_SPF_H
#define FILTER_SPF_H

#include "base/arena.h"
#include "dns/dns.h"
#include "net/address.h"

/* Section 2.6. */
enum filter_spf_result {
	FILTER_SPF_NONE, /* no record, or no domain that could have one */
	FILTER_SPF_NEUTRAL,
	FILTER_SPF_PASS,
	FILTER_SPF_FAIL,
	FILTER_SPF_SOFTFAIL,
	FILTER_SPF_TEMPERROR, /* can't tell now */
	FILTER_SPF_PERMERROR, /* what the domain publishes can't be understood */
};

struct filter_spf_query {
	struct dns *dns;
	const struct net_address *client;
	struct slice sender;   /* of MAIL, without "<>"; empty: a bounce */
	struct slice helo;     /* as it was said */
	struct slice receiver; /* this host's name, for %{r}; empty: "unknown" */
};

struct filter_spf_answer {
	enum filter_spf_result result;
	struct slice domain;      /* that was checked; in A-labels where it has some */
	struct slice reason;      /* one line: the term that decided, or what is wrong */
	struct slice explanation; /* of the domain's owner, with "fail"; ptr NULL: none. Printing
				   * ASCII. It is theirs: say so where it is shown (section 6.2) */
};

/* The "MAIL FROM" identity (section 2.4): the sender's domain, or that of HELO for a bounce. The
 * answer's bytes lie in the arena. */
void filter_spf_check(const struct filter_spf_query *query, struct arena *arena,
	struct filter_spf_answer *ret_answer);
/* The "HELO" identity (section 2.3). */
void filter_spf_check_helo(const struct filter_spf_query *query, struct arena *arena,
	struct filter_spf_answer *ret_answer);
/* "pass", "softfail" …, as RFC 8601 section 2.7.2 writes them. */
const char *filter_spf_result_name(enum filter_spf_result result);

#endif
