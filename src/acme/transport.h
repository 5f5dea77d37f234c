/* How requests get to the authority: HTTPS in a role, a table in tests. */
#ifndef ACME_TRANSPORT_H
#define ACME_TRANSPORT_H

#include "acme/document.h"
#include "base/buf.h"

enum acme_method { ACME_GET, ACME_HEAD, ACME_POST };

struct acme_request {
	enum acme_method method;
	const char *url;   /* https://… */
	struct slice body; /* of POST: application/jose+json */
};

enum { ACME_NONCE_MAX = 256, ACME_FIELD_MAX = 128 };

/* Fields of the header are "" where the authority sent none, or one that is too long. */
struct acme_reply {
	unsigned status;
	char nonce[ACME_NONCE_MAX];
	char location[ACME_URL_MAX];
	char retry_after[ACME_FIELD_MAX];
	struct buf body; /* made by who asks, with ACME_DOCUMENT_MAX at most; emptied first */
};

struct acme_transport {
	/* Waits. Negative: there was no answer (ERR_UNAVAILABLE, temporary). */
	int (*ask)(void *context, const struct acme_request *request, struct acme_reply *reply,
		struct err *err);
	void *context;
};

#endif
