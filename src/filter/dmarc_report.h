/* DMARC's aggregate reports (RFC 9990): what was seen of a domain's mail, told to who asked for it.
 * Sections of it are named by their titles.
 * Rows that somebody has counted become XML, gzip, and a message; and who may have it. */
#ifndef FILTER_DMARC_REPORT_H
#define FILTER_DMARC_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "dns/dns.h"
#include "filter/dmarc.h"

enum { FILTER_DMARC_DESTINATIONS_MAX = 10 };

/* One signature of DKIM. */
struct filter_dmarc_signature {
	struct slice domain, selector;
	struct slice result; /* of RFC 8601 section 2.7.1: "pass", "fail" … */
	struct slice words;  /* for people; empty: none */
};

/* Messages that are alike in all of this. */
struct filter_dmarc_row {
	struct slice source; /* the client's address */
	uint64_t count;
	bool spf_aligned, dkim_aligned;
	enum filter_dmarc_policy policy;   /* that applied to them */
	enum filter_dmarc_policy disposal; /* what was done with them */
	/* Why that was not the policy: "local_policy", "mailing_list", "trusted_forwarder",
	 * "other", "policy_test_mode". Empty: as t=y has it, or local policy. */
	struct slice override_type, override_words;
	struct slice header_from;
	struct slice envelope_from; /* empty: a bounce */
	struct slice envelope_to;   /* a domain; empty: left out */
	/* Those that passed and are aligned first; 100 are told of. */
	const struct filter_dmarc_signature *dkim;
	size_t dkim_count;
	struct slice spf_domain, spf_result; /* empty: SPF was not checked */
};

struct filter_dmarc_report {
	struct slice organization; /* who reports */
	struct slice email;        /* his address; the message's From too */
	struct slice contact;      /* more about him; empty: none */
	struct slice submitter;    /* his domain */
	struct slice id;           /* letters, digits, "-", "_", ".": unique among his reports */
	int64_t begin, end;        /* seconds since 1970 */
	struct slice domain;       /* whose policy it is */
	struct filter_dmarc_record record;
	const struct filter_dmarc_row *rows;
	size_t row_count; /* 1 or more */
};

void filter_dmarc_report_xml(const struct filter_dmarc_report *report, struct buf *to);
/* RFC 1952. ERR_LIMIT when `to` is too small. */
int filter_dmarc_report_gzip(struct slice xml, struct buf *to, struct err *err) WARN_UNUSED;
/* A whole message with the gzip file in it. `date`: seconds since 1970. It wants to be signed: its
 * domain has to pass DMARC itself ("Email"). */
void filter_dmarc_report_mail(const struct filter_dmarc_report *report, const struct slice *to_whom,
	size_t count, int64_t date, struct slice gzip, struct buf *to);

/* To whom the reports of a domain's record go: the addresses in its rua, those in other
 * organisations' domains only if these agree ("Verifying External
 * Destinations"). They lie in the arena. Negative:
 * ERR_TEMPORARY, not all could be verified; nothing is returned then. */
int filter_dmarc_destinations(struct dns *dns, struct slice domain,
	const struct filter_dmarc_record *record, struct arena *arena,
	struct slice ret_addresses[FILTER_DMARC_DESTINATIONS_MAX], size_t *ret_count,
	struct err *err) WARN_UNUSED;

/* An address as a URI of mailto: has it, its %-escapes undone; in the arena. False: it is none, or
 * not ASCII. */
WARN_UNUSED bool filter_dmarc_decode_address(
	struct slice text, struct arena *arena, struct slice *ret_address);
/* Whether the record lets a report of so many bytes go to that address: "rua=mailto:a@b.test!10m"
 * of RFC 7489 section 6.2, which RFC 9990 has left out, and records still say. */
WARN_UNUSED bool filter_dmarc_fits(
	const struct filter_dmarc_record *record, struct slice address, uint64_t size);

#endif
