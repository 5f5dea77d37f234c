/* Small things by libcurl: a text by HTTPS from a host whose certificate is verified, or to it; a
 * message to a service of ours by plain HTTP. */
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
	const char *type;        /* of the text: "text/plain" */
	unsigned timeout_ms;
	size_t max; /* bytes */
};

/* Once for the process, before threads begin. */
void fetch_begin(void);
/* Appends the text. Follows no redirection. May wait, and blocks its thread meanwhile. Negative,
 * temporary, and why: ERR_DENIED, its certificate is not to be trusted; else ERR_UNAVAILABLE. */
int fetch_text(const struct fetch_options *options, struct buf *to, struct err *err) WARN_UNUSED;
/* Gives `body`, which is of `options.type`, to that host by POST. What it answers with is of no
 * interest, but for its status: 2xx is 0. Else as fetch_text(); of options `max` is not used. */
int fetch_upload(
	const struct fetch_options *options, struct slice body, struct err *err) WARN_UNUSED;

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
