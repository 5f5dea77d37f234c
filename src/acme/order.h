/* One certificate on its way (RFC 8555 section 7.4): ordered, each name proved, the certificate
 * fetched. What state it is in the authority knows: who has the order's URL and the certificate's
 * key goes on anywhere, after a crash and at the other node of a mirror. */
#ifndef ACME_ORDER_H
#define ACME_ORDER_H

#include "acme/client.h"
#include "acme/leaf.h"

/* What has to be known wherever the authority may ask, before it is told to. */
struct acme_answer {
	const char *name; /* host name */
	const char *token;
	struct slice key_authorization;
};

struct acme_order {
	/* Set by the caller: */
	struct acme_client *client;
	const struct acme_key *key; /* of the certificate to be */
	const char *const *names;   /* at most ACME_NAMES_MAX */
	size_t count;
	const char *challenge; /* "http-01", "tls-alpn-01" */
	/* From when it returns 0 the answer is given wherever the name may lead. May wait. */
	int (*publish)(void *context, const struct acme_answer *answer, struct err *err);
	/* The order's URL is there: it is to be kept. May wait. */
	int (*keep)(void *context, struct err *err);
	void *context;
	char url[ACME_URL_MAX]; /* ""; or of an order that is to be gone on with */
	/* All zero at first: */
	bool told[ACME_NAMES_MAX]; /* by authorization: the authority was told to ask */
	unsigned rounds;           /* that it has waited */
};

enum { ACME_ORDER_WAIT = 1 }; /* positive outcome */
/* Goes on as far as it can. 0: *ret_chain has the certificate and those above it, as PEM, which is
 * for this key and these names. ACME_ORDER_WAIT: call again after *ret_wait_ms. Negative:
 * ERR_PERMANENT: nothing comes of this order, the next begins without a URL; ERR_TEMPORARY: call
 * again later. */
int acme_order_run(struct acme_order *order, struct buf *ret_chain, int64_t *ret_wait_ms,
	struct err *err) WARN_UNUSED;

#endif
