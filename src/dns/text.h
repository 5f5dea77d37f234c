/* Records in words, for operators, logs and tests: "10 mx.example.org" and the RDATA of an MX.
 * Pure.
 *
 * Names have no final dot but for the root, which is ".". The text of a TXT record stands as it is,
 * without quotes; bytes that are not visible ASCII, and the backslash, are \DDD in decimal. TLSA is
 * three numbers and hexadecimal digits. RDATA that can't be read is that of RFC 3597 section 5:
 * "\# 3 010203". */
#ifndef DNS_TEXT_H
#define DNS_TEXT_H

#include "base/buf.h"
#include "dns/dns.h"

/* "MX"; NULL for a number that enum dns_type does not have. */
const char *dns_type_name(enum dns_type type);
/* In either case; false: none of ours. */
WARN_UNUSED bool dns_type_find(struct slice name, enum dns_type *ret_type);

void dns_text_write(enum dns_type type, struct slice rdata, struct buf *to);
/* The RDATA that such words stand for, in `arena`. False: they are no such record. */
WARN_UNUSED bool dns_text_read(
	enum dns_type type, struct slice text, struct arena *arena, struct slice *ret_rdata);

#endif
