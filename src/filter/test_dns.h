/* Records for the tests of filters, which have them in arrays. Freed by dns_free(). */
#ifndef FILTER_TEST_DNS_H
#define FILTER_TEST_DNS_H

#include "dns/table.h"

struct dns *test_dns_new(void);
/* Values as dns/text.h has them; of an MX the name, its preference is 10. */
void test_dns_add(struct dns *dns, const char *name, enum dns_type type, const char *value);
/* From now on nothing can be told about the name. */
void test_dns_break(struct dns *dns, const char *name);

#endif
