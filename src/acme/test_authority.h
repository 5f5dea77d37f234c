/* For tests: an authority in memory behind a transport. It checks each request as a real one does
 * (signature's header, nonces that are good once), and fails where it is told to. */
#ifndef ACME_TEST_AUTHORITY_H
#define ACME_TEST_AUTHORITY_H

#include "acme/transport.h"

#include <jansson.h>

#define DIRECTORY "https://ca.test/directory"

struct test_failure {
	const char *url; /* of requests to it; NULL: no failure */
	unsigned times;  /* so many of them fail */
	unsigned status; /* 0: there is no answer */
	const char *problem, *retry_after;
};

struct test_authority {
	/* What it is told: */
	struct test_failure failure;
	bool wants_binding, says_invalid, never_ends, other_names, expired, lacks_challenge;
	unsigned rounds_pending, rounds_processing; /* until a name is valid, a certificate there */
	const char *contact;                        /* that its account has */
	/* What happens at it: */
	unsigned nonces, requests, accounts, orders, challenges, finalized;
	char nonce[32]; /* that is good now; "": none */
	bool knows_account, bound, is_told, is_ready, is_valid;
	char contact_set[64];
	char *chain; /* PEM */
};

struct acme_transport test_authority_transport(struct test_authority *authority);
void test_authority_free(struct test_authority *authority);

#endif
