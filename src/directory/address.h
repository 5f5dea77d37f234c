/* Canonical forms of addresses and domains: the names under which rows are kept and found. Pure.
 *
 * Local parts (RFC 5321 section 4.1.2, RFC 6531): in NFC and case folded; quoted only where they
 * must be, then with no more backslashes than needed. Domains: lower-case A-labels (UTS 46,
 * nontransitional), a final dot left out. Address literals ("[192.0.2.1]") are no names. */
#ifndef DIRECTORY_ADDRESS_H
#define DIRECTORY_ADDRESS_H

#include "base/slice.h"

/* RFC 5321 section 4.5.3.1, in octets of the canonical form. */
enum {
	DIRECTORY_LOCAL_MAX = 64,
	DIRECTORY_DOMAIN_MAX = 255,
	DIRECTORY_ADDRESS_MAX = DIRECTORY_LOCAL_MAX + 1 + DIRECTORY_DOMAIN_MAX,
};

struct directory_address {
	size_t local_len, len;
	char text[DIRECTORY_ADDRESS_MAX + 1];
};
WARN_UNUSED bool directory_address_parse(struct slice text, struct directory_address *ret_address);
static inline struct slice directory_address_slice(const struct directory_address *a)
{
	return slice(a->text, a->len);
}
static inline struct slice directory_address_local(const struct directory_address *a)
{
	return slice(a->text, a->local_len);
}
static inline struct slice directory_address_domain(const struct directory_address *a)
{
	return slice_from(slice(a->text, a->len), a->local_len + 1);
}
/* Cuts "+detail" off the local part: false when it has none, is quoted, or nothing would be left.
 * *ret_detail points into `address`. */
WARN_UNUSED bool directory_address_cut_detail(const struct directory_address *address,
	char separator, struct directory_address *ret_base, struct slice *ret_detail);

struct directory_domain_name {
	size_t len;
	char text[DIRECTORY_DOMAIN_MAX + 1];
};
WARN_UNUSED bool directory_domain_parse(struct slice text, struct directory_domain_name *ret_name);
static inline struct slice directory_domain_slice(const struct directory_domain_name *n)
{
	return slice(n->text, n->len);
}
/* Of a canonical name: what stands behind its last "@"; "" when there is none. */
struct slice directory_domain_of(struct slice name);

/* Valid UTF-8 without control characters (C0, DEL, C1): what names and passwords may hold. */
WARN_UNUSED bool directory_text_is_plain(struct slice text);

#endif
