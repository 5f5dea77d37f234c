/* The server's half of SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677; tls-exporter: RFC 9266,
 * tls-server-end-point: RFC 5929): two messages from the client, two to it. */
#include "base/alloc.h"
#include "base/base64.h"
#include "base/must.h"
#include "base/random.h"
#include "sasl/sasl_internal.h"
#include "sasl/scram_crypto.h"
#include "sasl/scram_message.h"

#include <pthread.h>

enum { BINDING_MAX = 64, NONCE_BYTES = 18 };

struct binding {
	uint8_t bytes[BINDING_MAX];
	size_t len;
};

struct sasl_scram {
	bool plus;     /* the mechanism is -PLUS */
	bool can_bind; /* -PLUS was offered */
	struct binding exporter, end_point;
	const char *fixed_nonce; /* by tests */

	struct sasl_scram_keys keys;
	bool made_up;
	struct buf expected_binding; /* c= in base64 */
	struct buf nonce;            /* the client's and the server's */
	struct buf client_first_bare, server_first;
};

/* One secret a process, for offers that bring none. */
static uint8_t process_secret[SCRAM_HASH];
static pthread_once_t process_secret_made = PTHREAD_ONCE_INIT;

static void make_process_secret(void)
{
	random_bytes(process_secret, sizeof(process_secret));
}

bool sasl_scram_can_bind(const struct sasl_offer *offer)
{
	return offer->exporter.len > 0 || offer->server_end_point.len > 0;
}

static struct binding keep(struct slice data)
{
	struct binding binding = {.len = data.len};
	must(data.len <= BINDING_MAX);
	if (data.len)
		memcpy(binding.bytes, data.ptr, data.len);
	return binding;
}

struct sasl_scram *sasl_scram_new(const struct sasl_offer *offer, bool plus)
{
	struct sasl_scram *scram = ALLOC(struct sasl_scram);
	scram->plus = plus;
	scram->can_bind = sasl_scram_can_bind(offer);
	scram->exporter = keep(offer->exporter);
	scram->end_point = keep(offer->server_end_point);
	must(pthread_once(&process_secret_made, make_process_secret) == 0);
	scram->nonce = scram->client_first_bare = BUF(SASL_MESSAGE_MAX + 64);
	scram->server_first = BUF(SASL_MESSAGE_MAX + 256);
	scram->expected_binding = BUF(2 * SASL_MESSAGE_MAX);
	return scram;
}

void sasl_scram_free(struct sasl_scram *scram)
{
	if (!scram)
		return;
	buf_free(&scram->nonce);
	buf_free(&scram->client_first_bare);
	buf_free(&scram->server_first);
	buf_free(&scram->expected_binding);
	scram_wipe(scram, sizeof(*scram));
	free(scram);
}

void sasl_scram_fix_nonce(struct sasl_session *session, const char *nonce)
{
	session->scram->fixed_nonce = nonce;
}

/* The data that the client must have bound to; NULL with a reason when its flag is not acceptable
 * (RFC 5802 section 6). */
static const struct binding *choose_binding(const struct sasl_scram *scram,
	const struct scram_client_first *first, const char **ret_why)
{
	static const struct binding none = {.len = 0};
	const struct binding *binding = &none;
	*ret_why = NULL;
	if (first->binding_flag == 'p' && !scram->plus)
		*ret_why = "channel binding in a mechanism without -PLUS";
	else if (first->binding_flag != 'p' && scram->plus)
		*ret_why = "-PLUS without channel binding";
	else if (first->binding_flag == 'y' && scram->can_bind)
		*ret_why = "the client believes that -PLUS was not offered";
	else if (first->binding_flag == 'p' && slice_eq(first->binding_name, SLICE("tls-exporter")))
		binding = &scram->exporter;
	else if (first->binding_flag == 'p' &&
		 slice_eq(first->binding_name, SLICE("tls-server-end-point")))
		binding = &scram->end_point;
	if (!*ret_why && first->binding_flag == 'p' && binding->len == 0)
		*ret_why = "a channel binding that is not at hand";
	return *ret_why ? NULL : binding;
}

static bool take_names(struct sasl_session *session, const struct scram_client_first *first)
{
	AUTO(buf_free) struct buf user = BUF(SASL_MESSAGE_MAX), authzid = BUF(SASL_MESSAGE_MAX);
	return scram_decode_name(first->user, &user) &&
	       scram_decode_name(first->authzid, &authzid) &&
	       sasl_set_names(session, buf_slice(&user), buf_slice(&authzid));
}

static enum sasl_outcome take_keys(struct sasl_session *session, struct err *err)
{
	struct sasl_scram *scram = session->scram;
	struct slice user = buf_slice(&session->user);
	struct sasl_scram_keys made_up;
	/* Before anybody knows whether they are needed, so that the time does not tell. */
	sasl_scram_make_up(slice(process_secret, sizeof(process_secret)), user, 0, &made_up);
	int result =
		session->callbacks.scram_keys(session->callbacks.context, user, &scram->keys, err);
	scram->made_up = result > 0 || scram->keys.iterations == 0;
	if (scram->made_up)
		scram->keys = made_up;
	scram_wipe(&made_up, sizeof(made_up));
	return result < 0 ? SASL_TEMPORARY : SASL_CONTINUE;
}

static void make_nonce(struct sasl_scram *scram, struct slice client_nonce)
{
	uint8_t bytes[NONCE_BYTES];
	buf_add_slice(&scram->nonce, client_nonce);
	if (scram->fixed_nonce) {
		buf_add_str(&scram->nonce, scram->fixed_nonce);
		return;
	}
	random_bytes(bytes, sizeof(bytes));
	base64_encode(&scram->nonce, slice(bytes, sizeof(bytes)));
}

static void expect_binding(
	struct sasl_scram *scram, struct slice gs2_header, const struct binding *binding)
{
	AUTO(buf_free) struct buf bytes = BUF(SASL_MESSAGE_MAX + BINDING_MAX);
	buf_add_slice(&bytes, gs2_header);
	buf_add(&bytes, binding->bytes, binding->len);
	base64_encode(&scram->expected_binding, buf_slice(&bytes));
}

static enum sasl_outcome client_first(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	struct sasl_scram *scram = session->scram;
	struct scram_client_first first;
	const char *why;
	if (!scram_read_client_first(message, &first))
		return sasl_malformed(err, "malformed first message of SCRAM");
	const struct binding *binding = choose_binding(scram, &first, &why);
	if (!binding)
		return sasl_denied(err, why);
	if (!take_names(session, &first))
		return sasl_denied(err, "the user's name is empty or no SASLprep text");
	enum sasl_outcome outcome = take_keys(session, err);
	if (outcome != SASL_CONTINUE)
		return outcome;
	make_nonce(scram, first.nonce);
	expect_binding(scram, first.gs2_header, binding);
	buf_add_slice(&scram->client_first_bare, first.bare);
	struct buf *to = &scram->server_first;
	buf_add_str(to, "r=");
	buf_add_slice(to, buf_slice(&scram->nonce));
	buf_add_str(to, ",s=");
	base64_encode(to, slice(scram->keys.salt, sizeof(scram->keys.salt)));
	buf_add_str(to, ",i=");
	buf_add_u64(to, scram->keys.iterations);
	if (scram->nonce.failed || scram->expected_binding.failed || to->failed)
		return sasl_malformed(err, "first message of SCRAM is too long");
	buf_add_slice(reply, buf_slice(to));
	return SASL_CONTINUE;
}

/* Whether the proof was made with the password behind the keys; and the server's own signature. */
static bool is_proven(const struct sasl_scram *scram, struct slice without_proof,
	const uint8_t proof[SCRAM_HASH], uint8_t ret_signature[SCRAM_HASH])
{
	AUTO(buf_free) struct buf signed_text = BUF(4 * SASL_MESSAGE_MAX);
	buf_add_slice(&signed_text, buf_slice(&scram->client_first_bare));
	buf_add_byte(&signed_text, ',');
	buf_add_slice(&signed_text, buf_slice(&scram->server_first));
	buf_add_byte(&signed_text, ',');
	buf_add_slice(&signed_text, without_proof);
	uint8_t client_key[SCRAM_HASH], stored_key[SCRAM_HASH];
	scram_hmac(slice(scram->keys.stored_key, SCRAM_HASH), buf_slice(&signed_text), client_key);
	scram_xor(client_key, proof);
	scram_hash(slice(client_key, SCRAM_HASH), stored_key);
	scram_hmac(
		slice(scram->keys.server_key, SCRAM_HASH), buf_slice(&signed_text), ret_signature);
	bool same = scram_equal(stored_key, scram->keys.stored_key, SCRAM_HASH);
	scram_wipe(client_key, sizeof(client_key));
	return same && !scram->made_up && !signed_text.failed;
}

static enum sasl_outcome client_final(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	struct sasl_scram *scram = session->scram;
	struct scram_client_final final;
	AUTO(buf_free) struct buf proof = BUF(64);
	uint8_t signature[SCRAM_HASH];
	if (!scram_read_client_final(message, &final) || !base64_decode(&proof, final.proof) ||
		proof.len != SCRAM_HASH)
		return sasl_malformed(err, "malformed final message of SCRAM");
	if (!slice_eq(final.nonce, buf_slice(&scram->nonce)))
		return sasl_denied(err, "the nonce is not the one that was given out");
	if (!slice_eq(final.binding, buf_slice(&scram->expected_binding)))
		return sasl_denied(err, "the channel bindings don't match");
	if (!is_proven(scram, final.without_proof, (const uint8_t *)proof.data, signature))
		return sasl_denied(err, "wrong user or password");
	struct slice authzid = buf_slice(&session->authzid);
	int result = authzid.len > 0;
	if (session->callbacks.scram_done)
		result = session->callbacks.scram_done(
			session->callbacks.context, authzid, buf_slice(&session->user), err);
	buf_add_str(reply, "v=");
	base64_encode(reply, slice(signature, sizeof(signature)));
	return sasl_result(result, err);
}

enum sasl_outcome sasl_scram_step(
	struct sasl_session *session, struct slice message, struct buf *reply, struct err *err)
{
	enum { ASK, FIRST, FINAL };
	if (session->step == FINAL)
		return client_final(session, message, reply, err);
	/* The client speaks first; an empty challenge asks it to, once. */
	if (!message.ptr && session->step++ == ASK)
		return SASL_CONTINUE;
	session->step = FINAL;
	return client_first(session, message, reply, err);
}
