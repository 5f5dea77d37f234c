/* One small state machine for both mechanisms. */
#include "sasl/client.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "base/must.h"
#include "base/random.h"
#include "sasl/prepare.h"
#include "sasl/sasl_internal.h"
#include "sasl/scram_crypto.h"
#include "sasl/scram_message.h"

enum { SALT_MAX = 1024, NONCE_BYTES = 18 };

enum mechanism { PLAIN, SCRAM, SCRAM_PLUS, MECHANISMS };

static const char *const names[] = {
	[PLAIN] = "PLAIN",
	[SCRAM] = "SCRAM-SHA-256",
	[SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
};

struct sasl_client {
	enum mechanism mechanism;
	enum { FIRST, FINAL, VERIFY, DONE, FAILED } state;
	struct buf authzid, user, password; /* user prepared; as it is where SASLprep refuses */
	struct buf gs2_header, binding;
	struct buf nonce, first_bare;
	uint8_t server_signature[SCRAM_HASH];
	const char *fixed_nonce; /* by tests */
};

static bool is_allowed(enum mechanism mechanism, const struct sasl_client_options *options)
{
	if (mechanism == PLAIN)
		return options->allow_plain;
	return mechanism == SCRAM || options->exporter.len > 0 || options->server_end_point.len > 0;
}

const char *sasl_client_choose(struct slice offered, struct sasl_client_options *options)
{
	const char *best = NULL;
	int best_at = -1;
	options->server_offers_plus = false;
	while (offered.len > 0) {
		struct slice name = slice_cut(&offered, ' ');
		for (int i = 0; i < MECHANISMS; i++) {
			if (!slice_eq_nocase(name, slice_str(names[i])))
				continue;
			if (i == SCRAM_PLUS)
				options->server_offers_plus = true;
			if (i > best_at && is_allowed((enum mechanism)i, options)) {
				best_at = i;
				best = names[i];
			}
		}
	}
	return best;
}

/* The flag that says how the client stands to channel binding (RFC 5802 section 6). */
static void set_binding(struct sasl_client *client, const struct sasl_client_options *options)
{
	const char *flag = "n";
	if (client->mechanism == SCRAM_PLUS) {
		bool exporter = options->exporter.len > 0;
		flag = exporter ? "p=tls-exporter" : "p=tls-server-end-point";
		buf_add_slice(
			&client->binding, exporter ? options->exporter : options->server_end_point);
	} else if (is_allowed(SCRAM_PLUS, options) && !options->server_offers_plus) {
		flag = "y";
	}
	buf_add_str(&client->gs2_header, flag);
	buf_add_byte(&client->gs2_header, ',');
	if (client->authzid.len > 0) {
		buf_add_str(&client->gs2_header, "a=");
		scram_encode_name(buf_slice(&client->authzid), &client->gs2_header);
	}
	buf_add_byte(&client->gs2_header, ',');
}

static void add_name(struct buf *to, struct slice name)
{
	if (!sasl_prepare(name, to))
		buf_add_slice(to, name);
}

struct sasl_client *sasl_client_new(
	struct slice mechanism, const struct sasl_client_options *options)
{
	int found = 0;
	while (found < MECHANISMS && !slice_eq_nocase(mechanism, slice_str(names[found])))
		found++;
	if (found == MECHANISMS || !is_allowed((enum mechanism)found, options) ||
		options->user.len == 0 || options->user.len > SASL_TEXT_MAX ||
		options->authzid.len > SASL_TEXT_MAX || options->password.len > SASL_TEXT_MAX)
		return NULL;
	struct sasl_client *client = ALLOC(struct sasl_client);
	client->mechanism = (enum mechanism)found;
	client->user = client->authzid = client->password = BUF(4 * SASL_TEXT_MAX);
	client->gs2_header = client->first_bare = BUF(SASL_MESSAGE_MAX);
	client->binding = client->nonce = BUF(256);
	add_name(&client->user, options->user);
	add_name(&client->authzid, options->authzid);
	/* One allocation, so that no copy is left behind. */
	buf_add_slice(&client->password, options->password);
	set_binding(client, options);
	return client;
}

void sasl_client_fix_nonce(struct sasl_client *client, const char *nonce)
{
	client->fixed_nonce = nonce;
}

static void plain_first(struct sasl_client *client, struct buf *reply)
{
	buf_add_slice(reply, buf_slice(&client->authzid));
	buf_add_byte(reply, '\0');
	buf_add_slice(reply, buf_slice(&client->user));
	buf_add_byte(reply, '\0');
	buf_add_slice(reply, buf_slice(&client->password));
}

static void scram_first(struct sasl_client *client, struct buf *reply)
{
	uint8_t bytes[NONCE_BYTES];
	random_bytes(bytes, sizeof(bytes));
	if (client->fixed_nonce)
		buf_add_str(&client->nonce, client->fixed_nonce);
	else
		base64_encode(&client->nonce, slice(bytes, sizeof(bytes)));
	buf_add_str(&client->first_bare, "n=");
	scram_encode_name(buf_slice(&client->user), &client->first_bare);
	buf_add_str(&client->first_bare, ",r=");
	buf_add_slice(&client->first_bare, buf_slice(&client->nonce));
	buf_add_slice(reply, buf_slice(&client->gs2_header));
	buf_add_slice(reply, buf_slice(&client->first_bare));
}

/* The proof over `signed_text`; keeps the signature that the server must answer. */
static void prove(struct sasl_client *client, struct slice salt, uint32_t iterations,
	struct slice signed_text, uint8_t ret_proof[SCRAM_HASH])
{
	uint8_t salted[SCRAM_HASH], key[SCRAM_HASH], stored[SCRAM_HASH];
	scram_salted_password(buf_slice(&client->password), salt, iterations, salted);
	scram_client_key(salted, key);
	scram_hash(slice(key, sizeof(key)), stored);
	scram_hmac(slice(stored, sizeof(stored)), signed_text, ret_proof);
	scram_xor(ret_proof, key);
	scram_server_key(salted, key);
	scram_hmac(slice(key, sizeof(key)), signed_text, client->server_signature);
	scram_wipe(salted, sizeof(salted));
	scram_wipe(key, sizeof(key));
}

static int scram_final(
	struct sasl_client *client, struct slice challenge, struct buf *reply, struct err *err)
{
	struct scram_server_first first;
	AUTO(buf_free)
	struct buf salt = BUF(SALT_MAX), bound = BUF(SASL_MESSAGE_MAX + 256),
		   final = BUF(3 * SASL_MESSAGE_MAX), text = BUF(6 * SASL_MESSAGE_MAX);
	if (!scram_read_server_first(challenge, &first) || !base64_decode(&salt, first.salt))
		return err_permanent(err, ERR_BAD_INPUT, "malformed first answer of SCRAM");
	if (first.iterations > SASL_SCRAM_ITERATIONS_MAX)
		return err_permanent(err, ERR_LIMIT, "the server asks for %llu iterations",
			(unsigned long long)first.iterations);
	if (!slice_starts(first.nonce, buf_slice(&client->nonce)) ||
		first.nonce.len == client->nonce.len)
		return err_permanent(
			err, ERR_BAD_INPUT, "the server's nonce does not begin with ours");
	buf_add_slice(&bound, buf_slice(&client->gs2_header));
	buf_add_slice(&bound, buf_slice(&client->binding));
	buf_add_str(&final, "c=");
	base64_encode(&final, buf_slice(&bound));
	buf_add_str(&final, ",r=");
	buf_add_slice(&final, first.nonce);
	buf_add_slice(&text, buf_slice(&client->first_bare));
	buf_add_byte(&text, ',');
	buf_add_slice(&text, challenge);
	buf_add_byte(&text, ',');
	buf_add_slice(&text, buf_slice(&final));
	uint8_t proof[SCRAM_HASH];
	prove(client, buf_slice(&salt), (uint32_t)first.iterations, buf_slice(&text), proof);
	buf_add_slice(reply, buf_slice(&final));
	buf_add_str(reply, ",p=");
	base64_encode(reply, slice(proof, sizeof(proof)));
	return SASL_CLIENT_SEND;
}

static int scram_verify(struct sasl_client *client, struct slice challenge, struct err *err)
{
	struct scram_server_final final;
	AUTO(buf_free) struct buf signature = BUF(64);
	if (!scram_read_server_final(challenge, &final))
		return err_permanent(err, ERR_BAD_INPUT, "malformed final answer of SCRAM");
	if (final.error.len > 0)
		return err_permanent(err, ERR_DENIED, "the server says %.*s",
			SLICE_ARG(slice_sub(final.error, 0, 60)));
	if (!base64_decode(&signature, final.verifier) || signature.len != SCRAM_HASH ||
		!scram_equal(signature.data, client->server_signature, SCRAM_HASH))
		return err_permanent(err, ERR_DENIED,
			"the server does not know the password: it is not what "
			"it claims to be");
	return SASL_CLIENT_DONE;
}

static int step(
	struct sasl_client *client, struct slice challenge, struct buf *reply, struct err *err)
{
	switch (client->state) {
	case FIRST:
		if (challenge.len > 0)
			return err_permanent(err, ERR_BAD_INPUT, "a challenge before our message");
		if (client->mechanism == PLAIN) {
			plain_first(client, reply);
			client->state = DONE;
		} else {
			scram_first(client, reply);
			client->state = FINAL;
		}
		return SASL_CLIENT_SEND;
	case FINAL:
		client->state = VERIFY;
		return scram_final(client, challenge, reply, err);
	case VERIFY:
		client->state = DONE;
		return scram_verify(client, challenge, err);
	default:
		return err_permanent(err, ERR_BAD_INPUT, "a challenge after the end");
	}
}

int sasl_client_step(
	struct sasl_client *client, struct slice challenge, struct buf *reply, struct err *err)
{
	int outcome = challenge.len > SASL_MESSAGE_MAX
			      ? err_permanent(err, ERR_LIMIT, "the challenge is too long")
			      : step(client, challenge, reply, err);
	if (outcome < 0)
		client->state = FAILED;
	return outcome;
}

bool sasl_client_is_done(const struct sasl_client *client)
{
	return client->state == DONE;
}

void sasl_client_free(struct sasl_client *client)
{
	if (!client)
		return;
	if (client->password.data)
		scram_wipe(client->password.data, client->password.cap);
	buf_free(&client->password);
	buf_free(&client->user);
	buf_free(&client->authzid);
	buf_free(&client->gs2_header);
	buf_free(&client->binding);
	buf_free(&client->nonce);
	buf_free(&client->first_bare);
	scram_wipe(client, sizeof(*client));
	free(client);
}
