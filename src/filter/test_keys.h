/* For tests and fuzz targets: a struct dns over a fixed table of key records. */
#ifndef FILTER_TEST_KEYS_H
#define FILTER_TEST_KEYS_H

#include "dns/dns.h"

struct test_key {
	const char *name;   /* "brisbane._domainkey.example.com"; NULL ends the table */
	const char *text;   /* of the TXT record; NULL: no answer now; "" : no such record */
	struct slice other; /* another record at the same name, when not empty */
};

struct test_keys {
	struct dns dns;
	const struct test_key *table;
	unsigned questions; /* how often it was asked */
};

struct test_keys test_keys_of(const struct test_key *table);

/* The keys of RFC 6376 appendix C and RFC 8463 appendix A, and records that say more of them. */
extern const struct test_key TEST_KEYS[];

#endif
