/* Questions to the DNS, validated by DNSSEC where zones are signed.
 *
 * Who asks has a `struct dns` and does not know what is behind it: libunbound (dns/resolver.h) or a
 * table of records (dns/table.h, for tests). A question may wait, as base/wait.h says; any thread.
 * "There is none" and "can't tell now" never share a value (RFC 2308, RFC 4035 section 5.5: an
 * answer that fails validation is one that can't be told). */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "base/arena.h"
#include "base/err.h"

/* Record types; the numbers are those of the wire. */
enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_TLSA = 52,
};

/* Positive outcomes of a question. */
enum dns_absence {
	DNS_NO_DATA = 1, /* the name exists, without records of that type */
	DNS_NO_NAME = 2, /* NXDOMAIN */
};

struct dns_answer {
	bool secure;           /* validated from the root, or from a trust anchor, down */
	uint32_t ttl;          /* seconds */
	struct slice name;     /* of the records, at the end of a chain of CNAMEs; no final dot */
	struct slice *records; /* RDATA as on the wire; names in it are not compressed */
	size_t count;          /* 1 or more with outcome 0, else 0 */
};

struct dns;
/* What is behind it. */
struct dns_driver {
	int (*lookup)(struct dns *dns, struct slice name, enum dns_type type, struct arena *arena,
		struct dns_answer *ret_answer, struct err *err);
	/* The same; no answer at `deadline`, clock_mono_ms(), is none in time. NULL: it never
	 * waits. */
	int (*lookup_until)(struct dns *dns, int64_t deadline, struct slice name,
		enum dns_type type, struct arena *arena, struct dns_answer *ret_answer,
		struct err *err);
	void (*free)(struct dns *dns);
};
struct dns { /* a driver's struct begins with it */
	const struct dns_driver *driver;
};

/* `name` in ASCII (A-labels), with or without a final dot. What the answer points at lies in
 * `arena`. Returns 0, an enum dns_absence (`secure` says whether that is proven), or negative:
 * ERR_TEMPORARY: no answer in time, SERVFAIL, bogus (ERR_DAMAGED; `text` says which); ERR_PERMANENT
 * with ERR_BAD_INPUT: no such name can be. */
WARN_UNUSED static inline int dns_lookup(struct dns *dns, struct slice name, enum dns_type type,
	struct arena *arena, struct dns_answer *ret_answer, struct err *err)
{
	*ret_answer = (struct dns_answer){0};
	return dns->driver->lookup(dns, name, type, arena, ret_answer, err);
}
static inline void dns_free(struct dns *dns) /* NULL is fine */
{
	if (dns)
		dns->driver->free(dns);
}

#endif
