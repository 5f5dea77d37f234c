/* A DNS for tests: a few records in words, no network.
 *
 *     example.org MX 10 mx.example.org      a record, its data as in dns/text.h
 *     example.org TXT ?                     can't be told now: ERR_TEMPORARY
 *     example.net ?                         nothing about this name can be told
 *     signed example.org                    this name and all below are secure
 *     unsigned sub.example.org              but not those from here down
 *
 * CNAMEs are followed, and an answer at the end of a chain is secure when all of it is. A name that
 * no line has, nor one below it, does not exist. The TTL is 300. */
#ifndef DNS_TABLE_H
#define DNS_TABLE_H

#include "dns/dns.h"

/* A line that is none is a bug of the test: it fails a must(). */
struct dns *dns_table_new(const char *const *lines, size_t count);
/* One more; not while others ask. */
void dns_table_add(struct dns *dns, const char *line);
/* How many questions it was asked; a chain counts one. */
unsigned dns_table_questions(const struct dns *dns);

#endif
