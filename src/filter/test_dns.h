/* A DNS for the tests of filters: a table of records, written as text. */
#ifndef FILTER_TEST_DNS_H
#define FILTER_TEST_DNS_H

#include "dns/dns.h"

struct test_dns *test_dns_new(void);
struct dns *test_dns_of(struct test_dns *t);
/* Values: an address; a name; a TXT's one string ("|" parts several). MX: a name, its preference is
 * 10. NULL: the name exists, without such a record. */
void test_dns_add(struct test_dns *t, const char *name, enum dns_type type, const char *value);
/* From now on the name's questions of that type (0: all) get no answer. */
void test_dns_break(struct test_dns *t, const char *name, enum dns_type type);
unsigned test_dns_asked(const struct test_dns *t); /* questions so far */
void test_dns_free(struct test_dns *t);

#endif
