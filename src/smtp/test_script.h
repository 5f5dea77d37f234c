/* For tests: a server that says what a script has, and keeps what it heard; and a transaction with
 * some recipients to be sent to it. */
#ifndef SMTP_TEST_SCRIPT_H
#define SMTP_TEST_SCRIPT_H

#include "base/test.h"
#include "smtp/outbound.h"

struct script_step {
	/* A line that begins like this is waited for; "": nothing is; ".": what DATA is followed
	 * by, up to the dot; "BDAT": the chunk is read too. */
	const char *hear;
	const char *say; /* with line ends; NULL: the connection is cut */
	enum { SCRIPT_GO_ON, SCRIPT_HANDSHAKE } then;
};
#define SCRIPT(...) ((const struct script_step[]){__VA_ARGS__, {0}})

struct script;
/* Serves one connection on a loopback port. `host`: the name in its certificate; NULL: no TLS. */
struct script *script_start(const struct script_step *steps, const char *host);
struct net_address script_address(const struct script *script);
/* The certificate, as PEM; owned by the script. */
const char *script_certificate(const struct script *script);
/* Waits for its end; all that was heard, until script_free(). "!" and what was waited for stands
 * where something else came. */
const char *script_heard(struct script *script);
void script_free(struct script *script);

enum { SCRIPT_RECIPIENTS = 3 };

struct script_client {
	struct script *script;
	struct arena arena;
	struct smtp_hop hop;
	struct smtp_outbound_options options;
	struct smtp_opening opening;
	struct smtp_outbound *outbound;
	struct err err;
	struct smtp_transaction t; /* sue@a.test to ann, ben, cyd @b.test */
	struct smtp_recipient recipients[SCRIPT_RECIPIENTS], *pointers[SCRIPT_RECIPIENTS];
};
struct script_client *script_client_new(const struct script_step *steps, const char *host);
int script_client_open(struct script_client *c); /* smtp_outbound_open() */
/* Closes the connection and waits for the script's end. */
const char *script_client_close(struct script_client *c);
void script_client_free(struct script_client *c);
/* The whole of it with `count` recipients; the connection stays open. */
enum smtp_sent script_client_send(struct script_client *c, size_t count);

#define HELLO                                                                                      \
	{                                                                                          \
		"", "220 mx.b.test ready\r\n"                                                      \
	}
#define PLAIN_EHLO                                                                                 \
	{                                                                                          \
		"EHLO us.a.test", "250 mx.b.test\r\n"                                              \
	}
#define QUIT                                                                                       \
	{                                                                                          \
		"QUIT", "221 bye\r\n"                                                              \
	}

#endif
