/* Any bytes as the messages of a client, and of a server to our client. The first byte picks
 * mechanism and offer; messages end in 0x0a. With fixed nonces, so that an input can get to the
 * end of SCRAM. */
#include "sasl/client.h"
#include "sasl/sasl.h"
#include "sasl/sasl_internal.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check_password(void *context, struct slice authzid, struct slice user,
	struct slice password, struct err *err)
{
	must(user.len > 0 && password.len > 0);
	return slice_eq(user, SLICE("user")) && slice_eq(password, SLICE("pencil")) ? 0 : 1;
}

static int scram_keys(
	void *context, struct slice user, struct sasl_scram_keys *ret_keys, struct err *err)
{
	must(user.len > 0);
	if (!slice_eq(user, SLICE("user")))
		return 1;
	*ret_keys = *(const struct sasl_scram_keys *)context;
	return 0;
}

static int check_token(void *context, struct slice mechanism, struct slice user,
	struct slice message, struct buf *challenge, struct err *err)
{
	must(user.len > 0 && message.len > user.len);
	buf_add_str(challenge, "{\"status\":\"401\"}");
	return slice_eq(user, SLICE("user")) ? 0 : 1;
}

static void serve(
	struct slice mechanism, bool binding, struct slice messages, struct sasl_scram_keys *keys)
{
	const struct sasl_callbacks callbacks = {.check_password = check_password,
		.scram_keys = scram_keys,
		.check_token = check_token,
		.context = keys};
	const struct sasl_offer offer = {.plain = true,
		.token = true,
		.scram = true,
		.exporter = binding ? SLICE("exporter") : SLICE_NONE,
		.server_end_point = binding ? SLICE("end-point") : SLICE_NONE};
	struct sasl_session *session = sasl_new(mechanism, &offer, &callbacks);
	AUTO(buf_free) struct buf reply = BUF(65536);
	struct err err;
	enum sasl_outcome outcome = SASL_CONTINUE;
	if (!session)
		return;
	if (slice_starts_nocase(mechanism, SLICE("SCRAM")))
		sasl_scram_fix_nonce(session, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	for (unsigned i = 0; i < 5; i++) {
		buf_clear(&reply);
		enum sasl_outcome next =
			sasl_step(session, slice_cut(&messages, '\n'), &reply, &err);
		must(outcome == SASL_CONTINUE || next == SASL_MALFORMED);
		must(next == SASL_CONTINUE || next == SASL_DONE || reply.len == 0);
		must(next != SASL_DONE || slice_eq(sasl_user(session), SLICE("user")));
		outcome = next;
	}
	sasl_free(session);
}

static void connect_to(struct slice mechanism, struct slice challenges)
{
	const struct sasl_client_options options = {.user = SLICE("user"),
		.password = SLICE("pencil"),
		.exporter = SLICE("exporter"),
		.allow_plain = true};
	struct sasl_client *client = sasl_client_new(mechanism, &options);
	AUTO(buf_free) struct buf reply = BUF(65536);
	struct err err;
	if (!client)
		return;
	sasl_client_fix_nonce(client, "rOprNGfwEbeRWgbNEkqO");
	int outcome = sasl_client_step(client, SLICE_NONE, &reply, &err);
	/* Hashing as often as a server may ask for would leave no time for anything else. */
	if (slice_search(challenges, SLICE("i=4096")) < 0)
		challenges = SLICE_NONE;
	while (outcome > 0)
		outcome = sasl_client_step(client, slice_cut(&challenges, '\n'), &reply, &err);
	sasl_client_free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const mechanisms[] = {
		"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
	static const char *const with_token[] = {"OAUTHBEARER", "XOAUTH2"};
	static const uint8_t salt[16] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0,
		0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};
	static struct sasl_scram_keys keys;
	struct sasl_scram_keys read;
	if (size == 0)
		return 0;
	if (keys.iterations == 0)
		sasl_scram_make_salted(SLICE("pencil"), 4096, salt, &keys);
	struct slice text = slice(data + 1, size - 1);
	struct slice mechanism = slice_str(mechanisms[data[0] % ARRAY_LEN(mechanisms)]);
	if (data[0] & 32)
		mechanism = slice_str(with_token[data[0] % ARRAY_LEN(with_token)]);
	if (data[0] & 16)
		connect_to(mechanism, text);
	else
		serve(mechanism, data[0] & 8, text, &keys);
	if (sasl_scram_from_text(text, &read)) {
		AUTO(buf_free) struct buf again = BUF(512);
		struct sasl_scram_keys second;
		sasl_scram_to_text(&read, &again);
		must(sasl_scram_from_text(buf_slice(&again), &second));
		must(memcmp(&read, &second, sizeof(read)) == 0);
	}
	return 0;
}
