/* One account at one authority (RFC 8555): finds its directory, makes or finds the account, signs
 * requests, and has nonces. One thread; may wait, as its transport does. */
#ifndef ACME_CLIENT_H
#define ACME_CLIENT_H

#include "acme/key.h"
#include "acme/transport.h"

struct acme_client;

struct acme_client_options { /* borrowed as long as the client lives */
	struct acme_transport transport;
	const char *directory;              /* URL */
	const char *contact;                /* mail address; "": none */
	const char *eab_kid, *eab_hmac_key; /* ""; or external account binding (section 7.3.4) */
	const struct acme_key *key;         /* the account's */
};

struct acme_client *acme_client_new(const struct acme_client_options *options);
void acme_client_free(struct acme_client *client); /* NULL is fine */

/* Asks for `url` with the account's signature; `payload` is JSON, or empty to read what is there.
 * The account is made before, if need be. 0: *reply has a status of 2xx. Negative: the text says
 * what the authority said. ERR_TEMPORARY: later it may go, ERR_LIMIT among them: too often;
 * ERR_PERMANENT: it said no. */
int acme_client_post(struct acme_client *client, const char *url, struct slice payload,
	struct acme_reply *reply, struct err *err) WARN_UNUSED;
/* The same to the URL where orders are made. */
int acme_client_new_order(struct acme_client *client, struct slice payload,
	struct acme_reply *reply, struct err *err) WARN_UNUSED;
const struct acme_key *acme_client_key(const struct acme_client *client);
/* What the last call that failed said of when to come again, in milliseconds; 0: nothing. */
int64_t acme_client_retry_ms(const struct acme_client *client);

#endif
