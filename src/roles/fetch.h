/* A small text by HTTPS, from a host whose certificate is verified. */
#ifndef ROLES_FETCH_H
#define ROLES_FETCH_H

#include "base/buf.h"
#include "base/err.h"
#include "net/address.h"

struct fetch_options {
	const char *host, *path; /* "mta-sts.example.org", "/.well-known/mta-sts.txt" */
	uint16_t port;
	const struct net_address *addresses; /* of the host, in the order in which they are tried */
	size_t address_count;
	const char *authorities; /* file of certificates; "": the system's */
	const char *type;        /* that it must be of: "text/plain" */
	unsigned timeout_ms;
	size_t max; /* bytes */
};

/* Once for the process, before threads begin. */
void fetch_begin(void);
/* Appends the text. Follows no redirection. May wait, and blocks its thread meanwhile. Negative:
 * ERR_UNAVAILABLE, temporary, and why. */
int fetch_text(const struct fetch_options *options, struct buf *to, struct err *err) WARN_UNUSED;

#endif
