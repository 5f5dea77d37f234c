/* An entry's attributes as a user. Pure: bytes of a server in, facts out. */
#ifndef DIRECTORY_LDAP_MAP_H
#define DIRECTORY_LDAP_MAP_H

#include "directory/ldap_driver.h"

enum { DIRECTORY_LDAP_VALUES_MAX = 2000 }; /* of an attribute; further ones do not count */

struct directory_ldap_attribute {
	struct slice name;
	const struct slice *values;
	size_t count;
};
struct directory_ldap_entry {
	struct slice dn;
	const struct directory_ldap_attribute *attributes;
	size_t count;
};

/* The attribute, by name without case and without options (";binary"); NULL: not there. */
const struct directory_ldap_attribute *directory_ldap_find(
	const struct directory_ldap_entry *entry, const char *name);

/* `asked` is the canonical address that the entry was found by. The user's name is that, if it is
 * among the values of the name's attribute, else the first value that is an address. Slices point
 * into the entry, arrays lie in the arena. A value that can't be understood (a quota that is no
 * number, a service that there is not, no address, no identity) is ERR_TEMPORARY and names the
 * attribute: a slip in the directory neither bounces mail nor lifts a limit. */
int directory_ldap_map(const struct directory_ldap_options *options,
	const struct directory_ldap_entry *entry, struct slice asked, struct arena *arena,
	struct directory_user *ret_user, struct err *err) WARN_UNUSED;

/* "10G", "500 M", "1073741824", "10485760S" and "1048576S,1000C" (Maildir++: bytes, messages);
 * "0", "none", "-1": no limit. False: something else. `ret_messages` is set only where the text
 * says so. */
WARN_UNUSED bool directory_ldap_quota(
	struct slice text, uint64_t *ret_bytes, uint64_t *ret_messages);

#endif
