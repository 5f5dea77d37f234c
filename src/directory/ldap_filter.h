/* Filters with a name in them. Pure. */
#ifndef DIRECTORY_LDAP_FILTER_H
#define DIRECTORY_LDAP_FILTER_H

#include "base/buf.h"
#include "base/err.h"

enum { DIRECTORY_LDAP_FILTER_MAX = 8192 };

/* What stands for %u, %n and %d. Text is escaped (RFC 4515 section 3), so that nobody changes a
 * filter by his name. */
struct directory_ldap_names {
	struct slice address, local, domain;
	/* %u and %n stand for any address, of the domain if that is not "", else of any. */
	bool any;
};

/* ERR_BAD_INPUT: parentheses that do not match, nothing in them, or another letter behind %. */
int directory_ldap_filter_check(struct slice filter, struct err *err) WARN_UNUSED;
/* Appends the filter; %% is a %. */
void directory_ldap_filter_expand(
	struct slice filter, const struct directory_ldap_names *names, struct buf *to);
/* Appends text as a value of a filter. */
void directory_ldap_escape(struct slice text, struct buf *to);

#endif
