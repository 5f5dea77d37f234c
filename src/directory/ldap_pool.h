/* Connections to several servers that all know the same, each in use by one thread at a time. Knows
 * nothing of LDAP: how one is opened is the caller's, so that tests need no server. */
#ifndef DIRECTORY_LDAP_POOL_H
#define DIRECTORY_LDAP_POOL_H

#include "base/err.h"

/* What `open` and work return when the server, or the connection to it, does not work; with err. */
enum { DIRECTORY_LDAP_GONE = -2 };

struct directory_ldap_pool_options {
	size_t servers;       /* by number, in the order in which they are tried */
	unsigned connections; /* in use at a time, at most */
	unsigned wait_ms;     /* for one of them, at most; then it is ERR_TEMPORARY */
	/* 0; GONE: another server may do; -1: none would. */
	int (*open)(void *context, size_t server, void **ret_connection, struct err *err);
	void (*close)(void *connection);
	void *context;
};

struct directory_ldap_pool;
struct directory_ldap_pool *directory_ldap_pool_new(
	const struct directory_ldap_pool_options *options);
void directory_ldap_pool_free(struct directory_ldap_pool *pool); /* NULL is fine */

/* Does the work on a connection: an idle one, else a new one. GONE: once more, on a new one of the
 * same server if that was an idle one, which the server may have closed, else of the next. A server
 * that failed comes after all others for ten seconds. What work returns, or -1 with the last err.
 */
typedef int directory_ldap_work(void *connection, size_t server, void *context, struct err *err);
int directory_ldap_pool_run(struct directory_ldap_pool *pool, directory_ldap_work *work,
	void *context, struct err *err) WARN_UNUSED;

#endif
