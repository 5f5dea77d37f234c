/* What every transfer by libcurl has in common: how it is set up, told addresses, and run. */
#ifndef ROLES_TRANSFER_H
#define ROLES_TRANSFER_H

#include "base/err.h"
#include "net/address.h"

#include <curl/curl.h>
#include <stdatomic.h>

/* Follows no redirection, goes by no proxy, raises no signal. `stop` ends it soon; may be NULL.
 * NULL, and *err temporary: libcurl can't begin. */
CURL *transfer_new(const char *protocol, const char *url, unsigned timeout_ms,
	const atomic_bool *stop, struct err *err);
void transfer_post(CURL *curl, struct slice body);
/* Where it finds the host, so that it asks no DNS. The caller keeps the list until the transfer is
 * freed, and frees it then. */
struct curl_slist *transfer_find_at(CURL *curl, const char *host, uint16_t port,
	const struct net_address *addresses, size_t count);
/* Fields of the header: `type` of the body and one more, "Name: value"; either may be NULL. As
 * above. */
struct curl_slist *transfer_header(CURL *curl, const char *type, const char *field);
/* Waits, and blocks its thread meanwhile. *ret_status: of the answer; 0: there was none. */
CURLcode transfer_run(CURL *curl, long *ret_status);

#endif
