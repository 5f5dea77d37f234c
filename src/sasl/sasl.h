/* SASL mechanisms, server side: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and -PLUS (RFC 5802, 7677),
 * with tls-server-end-point and tls-exporter channel bindings; OAUTHBEARER (RFC 7628), XOAUTH2.
 * Pure: messages in, messages out; who the user is and whether a password is right is asked through
 * callbacks. */
#ifndef SASL_SASL_H
#define SASL_SASL_H

#include "base/buf.h"
#include "base/err.h"

/* What a SCRAM server keeps instead of a password. */
struct sasl_scram_keys {
	uint32_t iterations;
	uint8_t salt[16];
	uint8_t stored_key[32], server_key[32];
};
enum {
	SASL_SCRAM_ITERATIONS = 15000, /* unless told otherwise */
	SASL_SCRAM_ITERATIONS_MAX = 10000000,
	SASL_MESSAGE_MAX = 16 * 1024, /* bytes of one message; more is malformed */
};

/* From a new password: RFC 5802 section 3 with a random salt. 0 iterations: the number above. */
void sasl_scram_make(struct slice password, uint32_t iterations, struct sasl_scram_keys *ret_keys);
/* Keys that no password fits, for a user who does not exist: always the same for the same secret
 * and name, so that nobody learns it. 0 iterations: the default. */
void sasl_scram_make_up(struct slice secret, struct slice user, uint32_t iterations,
	struct sasl_scram_keys *ret_keys);
/* As text, "SCRAM-SHA-256$<iterations>:<salt>$<stored>:<server>" in base64, and back. */
void sasl_scram_to_text(const struct sasl_scram_keys *keys, struct buf *to);
WARN_UNUSED bool sasl_scram_from_text(struct slice text, struct sasl_scram_keys *ret_keys);

struct sasl_callbacks {
	/* Both return 0 when right, a positive value when the user or password is wrong, negative
	 * (with err) when it can't be told now. `authzid` is empty unless the client asked to act
	 * for another: then it must be checked that `user` may do that. Names went through SASLprep
	 * and are not empty; the password is as the client sent it, and not empty. */
	int (*check_password)(void *context, struct slice authzid, struct slice user,
		struct slice password, struct err *err);
	/* Fetches the SCRAM keys of a user. Unknown users: positive; the exchange goes on with
	 * made-up keys and fails at the end, so that nobody learns who exists. */
	int (*scram_keys)(void *context, struct slice user, struct sasl_scram_keys *ret_keys,
		struct err *err);
	/* The client proved to know the password of `user` by SCRAM. 0 allowed, positive denied,
	 * negative as above. NULL: allowed unless there is an authzid. */
	int (*scram_done)(void *context, struct slice authzid, struct slice user, struct err *err);
	void *context;
	/* Whether a token is right: `message` is the client's whole one, `mechanism` the name by
	 * which it sent it, `user` whom it names. With a positive result `challenge` may get what
	 * the client is told about it (RFC 7628 section 3.2.2). NULL: no tokens are offered. */
	int (*check_token)(void *context, struct slice mechanism, struct slice user,
		struct slice message, struct buf *challenge, struct err *err);
};

struct sasl_offer {
	bool plain; /* PLAIN and LOGIN: only where the channel is safe */
	bool token; /* OAUTHBEARER and XOAUTH2: the same */
	bool scram;
	struct slice exporter,
		server_end_point; /* channel bindings at hand; empty: none, no -PLUS */
};

/* "PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256": what the offer allows, `separator` between. */
void sasl_list(const struct sasl_offer *offer, const char *separator, struct buf *to);

struct sasl_session;
enum sasl_outcome {
	SASL_CONTINUE,  /* send `reply` as the next challenge (may be empty) */
	SASL_DONE,      /* authenticated; `reply` may hold last data for the client (send it if the
			   protocol can, else as a challenge that is answered by an empty response) */
	SASL_DENIED,    /* wrong user or password */
	SASL_MALFORMED, /* protocol error by the client */
	SASL_TEMPORARY, /* can't be told now */
};
/* After the last three nothing is in `reply`, and err says why (for the log: what the client may
 * know is the outcome). After all but SASL_CONTINUE the exchange is over. */
/* NULL when the mechanism is unknown or not in the offer. */
WARN_UNUSED struct sasl_session *sasl_new(struct slice mechanism, const struct sasl_offer *offer,
	const struct sasl_callbacks *callbacks);
/* One message from the client, base64 decoded already. The first call passes the initial response,
 * or SLICE_NONE (ptr NULL) when the client sent none. Appends to `reply` (not encoded). */
enum sasl_outcome sasl_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err);
/* The authenticated user, and whom he acts for (the same without authzid); valid after SASL_DONE.
 */
struct slice sasl_user(const struct sasl_session *session);
struct slice sasl_authzid(const struct sasl_session *session);
void sasl_free(struct sasl_session *session); /* wipes; NULL is fine */

#endif
