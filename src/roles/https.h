/* HTTPS to a server elsewhere by libcurl, which is told the addresses: our resolver finds them, and
 * certificates are verified. No redirection is followed. */
#ifndef ROLES_HTTPS_H
#define ROLES_HTTPS_H

#include "base/buf.h"
#include "base/err.h"
#include "dns/dns.h"

#include <stdatomic.h>

enum https_method { HTTPS_GET, HTTPS_HEAD, HTTPS_POST };

struct https_request {
	enum https_method method;
	const char *url;          /* https://HOST[:PORT]/PATH; HOST may be an IP address */
	const char *type;         /* of the body: "application/json" */
	struct slice body;        /* of POST */
	struct slice authorities; /* certificates as PEM; empty: the system's */
	struct dns *dns;          /* NULL: only IP addresses can be reached */
	unsigned timeout_ms;      /* for all of it */
	const atomic_bool *stop;  /* ends it soon; may be NULL */
	/* For each field of the answer's header; both are valid during the call only. May be NULL.
	 */
	void (*field)(void *context, struct slice name, struct slice value);
	void *context;
};
/* Appends the answer's body, which must fit. Waits, and blocks its thread meanwhile. Negative:
 * there was no answer (ERR_UNAVAILABLE, temporary), or the URL is none (ERR_BAD_INPUT). */
int https_ask(const struct https_request *request, struct buf *to, unsigned *ret_status,
	struct err *err) WARN_UNUSED;

#endif
