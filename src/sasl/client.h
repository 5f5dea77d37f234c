/* The client's half of PLAIN and SCRAM-SHA-256(-PLUS), for proxies and tests. Pure: messages in,
 * messages out. */
#ifndef SASL_CLIENT_H
#define SASL_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct sasl_client_options {
	struct slice authzid; /* empty: act for oneself */
	struct slice user, password;
	/* Channel bindings of the TLS connection; empty: none. tls-exporter is taken first. */
	struct slice exporter, server_end_point;
	bool allow_plain;        /* the channel is safe for the password itself */
	bool server_offers_plus; /* set by sasl_client_choose */
};

/* The best of the mechanisms that a server offers ("PLAIN SCRAM-SHA-256"), which these options
 * allow; NULL when there is none. Sets server_offers_plus, by which a server finds out when someone
 * took -PLUS out of the list on its way. */
WARN_UNUSED const char *sasl_client_choose(
	struct slice offered, struct sasl_client_options *options);

struct sasl_client;
/* Copies what it needs of the options. NULL when the mechanism is not known or the options don't
 * allow it. */
WARN_UNUSED struct sasl_client *sasl_client_new(
	struct slice mechanism, const struct sasl_client_options *options);

enum sasl_client_outcome {
	SASL_CLIENT_DONE = 0, /* nothing is left to send; with SCRAM the server proved itself */
	SASL_CLIENT_SEND = 1, /* send `reply` (may be empty) */
};
/* Takes one challenge, base64 decoded; SLICE_NONE at first, which makes the initial response.
 * Appends to `reply`. Negative, with err, when the server breaks the protocol or can't prove that
 * it knows the password: hang up. A server that says "yes" before SASL_CLIENT_DONE was reached must
 * not be believed. */
int sasl_client_step(struct sasl_client *client, struct slice challenge, struct buf *reply,
	struct err *err) WARN_UNUSED;
/* Whether the exchange is complete: a server's "yes" counts only then. */
bool sasl_client_is_done(const struct sasl_client *client);
void sasl_client_free(struct sasl_client *client); /* wipes; NULL is fine */

#endif
