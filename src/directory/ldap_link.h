/* One connection to one LDAP server; by libldap. Blocks for no longer than
 * the options say. Failures are ERR_TEMPORARY, those of the server or the connection
 * DIRECTORY_LDAP_GONE; the errors name the server. */
#ifndef DIRECTORY_LDAP_LINK_H
#define DIRECTORY_LDAP_LINK_H

#include "directory/ldap_map.h"
#include "directory/ldap_pool.h"

struct directory_ldap_link;
/* As whom; NULL: as nobody yet. */
struct directory_ldap_self {
	const char *dn, *password;
};
int directory_ldap_link_open(const struct directory_ldap_options *options, const char *uri,
	const struct directory_ldap_self *self, struct directory_ldap_link **ret_link,
	struct err *err) WARN_UNUSED;
void directory_ldap_link_close(struct directory_ldap_link *link);

struct directory_ldap_search {
	const char *base;
	enum directory_ldap_scope scope;
	const char *filter;
	const char *const *attributes; /* ended by NULL */
	unsigned most;                 /* entries; more of them are ERR_LIMIT */
	bool some;                     /* whether there are any is all that is asked */
};
/* The entries, in the arena. DIRECTORY_UNKNOWN: there is no such base. */
int directory_ldap_link_search(struct directory_ldap_link *link,
	const struct directory_ldap_search *search, struct arena *arena,
	struct directory_ldap_entry **ret_entries, size_t *ret_count, struct err *err) WARN_UNUSED;
/* All of them, page by page (RFC 2696); `most` does not count, and each page has an arena of its
 * own. `visit` returns false to stop. */
int directory_ldap_link_walk(struct directory_ldap_link *link,
	const struct directory_ldap_search *search, unsigned page,
	bool (*visit)(void *context, const struct directory_ldap_entry *entry), void *context,
	struct err *err) WARN_UNUSED;
/* From now on the attribute has this value and no other (RFC 4511 section 4.6). ERR_PERMANENT: the
 * server says that it may not be; nothing has changed. */
int directory_ldap_link_replace(struct directory_ldap_link *link, const char *dn,
	const char *attribute, struct slice value, struct err *err) WARN_UNUSED;
/* Whether the password fits (RFC 4513 section 5.1.3): 0, or DIRECTORY_WRONG. An empty one is wrong
 * and never sent, since a server takes that for anonymous and says yes (section 5.1.2). */
int directory_ldap_link_check(struct directory_ldap_link *link, const char *dn,
	struct slice password, struct err *err) WARN_UNUSED;

#endif
