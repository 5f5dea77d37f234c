/* What the mechanisms share, and what tests may set. */
#ifndef SASL_SASL_INTERNAL_H
#define SASL_SASL_INTERNAL_H

#include "sasl/sasl.h"

struct sasl_scram;

struct sasl_session {
	unsigned magic;
	const struct sasl_mechanism *mechanism;
	struct sasl_callbacks callbacks;
	unsigned step; /* messages taken so far, counted by the mechanism */
	bool over;
	bool refused;             /* a token: the client has yet to answer what it was told */
	struct buf user, authzid; /* prepared; authzid empty when it is the user */
	struct sasl_scram *scram; /* NULL for the others */
};

typedef enum sasl_outcome sasl_step_function(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err);

/* What proves who he is. */
enum sasl_by { SASL_BY_PASSWORD, SASL_BY_SCRAM, SASL_BY_TOKEN };

struct sasl_mechanism {
	const char *name;
	enum sasl_by by;
	bool plus;
	sasl_step_function *step;
};

/* Each fills err and returns its outcome. */
enum sasl_outcome sasl_malformed(struct err *err, const char *why);
enum sasl_outcome sasl_denied(struct err *err, const char *why);
/* From the result of a callback: 0 SASL_DONE, positive SASL_DENIED, negative SASL_TEMPORARY. */
enum sasl_outcome sasl_result(int result, struct err *err);
/* Prepares and keeps the names. False when SASLprep refuses one or no user is left. */
WARN_UNUSED bool sasl_set_names(
	struct sasl_session *session, struct slice user, struct slice authzid);

sasl_step_function sasl_plain_step, sasl_login_step, sasl_scram_step, sasl_oauthbearer_step,
	sasl_xoauth2_step;

struct sasl_scram *sasl_scram_new(const struct sasl_offer *offer, bool plus);
void sasl_scram_free(struct sasl_scram *scram); /* wipes; NULL is fine */
/* Whether the offer holds data for a channel binding. */
bool sasl_scram_can_bind(const struct sasl_offer *offer);

/* With a salt that is given. */
void sasl_scram_make_salted(struct slice password, uint32_t iterations, const uint8_t salt[16],
	struct sasl_scram_keys *ret_keys);
/* For tests: the server's part of the nonce, before the first step. Borrowed. */
void sasl_scram_fix_nonce(struct sasl_session *session, const char *nonce);
struct sasl_client;
void sasl_client_fix_nonce(struct sasl_client *client, const char *nonce);

#endif
