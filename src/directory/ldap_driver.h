/* A directory in LDAP (RFC 4511), by libldap. What it reads and writes: docs/directory.md.
 *
 * Each question is one search, or a few. Searches go over a pool of connections that are bound as
 * the service; passwords are checked by binding as their user, over a pool of others that never
 * search. Servers are tried in their order; one that failed comes last for ten seconds. Whatever
 * is no plain answer (no server, busy, a limit, a referral, a wrong filter, two entries for one
 * user) is "can't tell now" and says in its error which server said what. */
#ifndef DIRECTORY_LDAP_DRIVER_H
#define DIRECTORY_LDAP_DRIVER_H

#include "directory/directory.h"

enum directory_ldap_scope { DIRECTORY_LDAP_SUBTREE, DIRECTORY_LDAP_ONE, DIRECTORY_LDAP_BASE };

/* Names of attributes; "": there is none for this. */
struct directory_ldap_attributes {
	const char *name;     /* the user's address */
	const char *identity; /* what never changes of him: his account comes from it */
	const char *full_name, *quota, *quota_messages, *services, *suspended, *active, *to_host,
		*forward, *keep_copy, *groups, *scram;
	const char *alias_targets; /* of an alias, a space between: addresses that it leads to */
	const char *alias_member;  /* of an alias: the DN of a user that it leads to */
};

/* Strings live as long as the directory. */
struct directory_ldap_options {
	const char *servers; /* URIs, a space between: ldap://, ldaps://, ldapi:// */
	bool start_tls;
	const char *authorities;             /* file of certificates; "": the system's */
	const char *bind_dn, *bind_password; /* "": anonymous; the password is copied */
	/* Who may write `to_host`; "": nobody. The password is copied. */
	const char *write_dn, *write_password;
	const char *base;
	enum directory_ldap_scope scope;
	/* RFC 4515; in them %u is the address, %n its local part, %d its domain. */
	const char *user_filter, *alias_filter, *domain_filter; /* the last two "": none */
	const char *const *domains;                             /* ours, whatever else is */
	size_t domain_count;
	struct directory_ldap_attributes attributes;
	unsigned connections; /* of each pool, at most */
	unsigned connect_ms, answer_ms;
	unsigned page; /* entries of a page when users are listed */
	char plus_separator;
	uint64_t quota_bytes, quota_messages; /* where an entry says nothing */
};

/* No server need answer yet. ERR_BAD_INPUT: a filter or a URI that can't be one. */
int directory_ldap_new(const struct directory_ldap_options *options,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;

#endif
