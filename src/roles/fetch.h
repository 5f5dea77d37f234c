/* Small things by libcurl: a text by HTTPS from a host whose certificate is verified; a message to
 * a service of ours by plain HTTP. */
#ifndef ROLES_FETCH_H
#define ROLES_FETCH_H

#include "base/buf.h"
#include "base/err.h"
#include "net/address.h"

#include <stdatomic.h>

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

struct fetch_post {
	const char *address; /* "127.0.0.1:11334", "unix:/path" */
	const char *path;    /* "/learnspam" */
	const char *field;   /* of the header, "Name: value"; NULL: none */
	struct slice body;   /* a message */
	unsigned timeout_ms;
	const atomic_bool *stop; /* ends it soon; may be NULL */
};
/* Appends the answer, whatever its status, as far as it fits. Waits as fetch_text() does. Negative:
 * there was none; ERR_UNAVAILABLE, temporary. */
int fetch_post(const struct fetch_post *post, struct buf *to, unsigned *ret_status,
	struct err *err) WARN_UNUSED;

#endif
