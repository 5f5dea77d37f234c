/* The keys that a server keeps: made from a password, and as text for whoever stores them. */
#include "sasl/sasl_internal.h"

#include "base/base64.h"
#include "base/random.h"
#include "sasl/scram_crypto.h"

static const struct slice prefix = SLICE("SCRAM-SHA-256$");

void sasl_scram_make_salted(struct slice password, uint32_t iterations, const uint8_t salt[16],
	struct sasl_scram_keys *ret_keys)
{
	uint8_t salted[SCRAM_HASH], client_key[SCRAM_HASH];
	*ret_keys = (struct sasl_scram_keys){.iterations = iterations};
	memcpy(ret_keys->salt, salt, sizeof(ret_keys->salt));
	scram_salted_password(password, slice(salt, sizeof(ret_keys->salt)), iterations, salted);
	scram_client_key(salted, client_key);
	scram_hash(slice(client_key, SCRAM_HASH), ret_keys->stored_key);
	scram_server_key(salted, ret_keys->server_key);
	scram_wipe(salted, sizeof(salted));
	scram_wipe(client_key, sizeof(client_key));
}

void sasl_scram_make(struct slice password, uint32_t iterations, struct sasl_scram_keys *ret_keys)
{
	uint8_t salt[sizeof(ret_keys->salt)];
	random_bytes(salt, sizeof(salt));
	sasl_scram_make_salted(
		password, iterations ? iterations : SASL_SCRAM_ITERATIONS, salt, ret_keys);
}

void sasl_scram_make_up(struct slice secret, struct slice user, uint32_t iterations,
	struct sasl_scram_keys *ret_keys)
{
	static const char *const what[] = {"salt:", "stored:", "server:"};
	uint8_t made[ARRAY_LEN(what)][SCRAM_HASH];
	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		AUTO(buf_free) struct buf text = BUF(SASL_MESSAGE_MAX);
		buf_add_str(&text, what[i]);
		/* Names of real users don't differ by case either. */
		for (size_t j = 0; j < user.len; j++)
			buf_add_byte(&text, slice_lower(user.ptr[j]));
		scram_hmac(secret, buf_slice(&text), made[i]);
	}
	ret_keys->iterations = iterations ? iterations : SASL_SCRAM_ITERATIONS;
	memcpy(ret_keys->salt, made[0], sizeof(ret_keys->salt));
	memcpy(ret_keys->stored_key, made[1], SCRAM_HASH);
	memcpy(ret_keys->server_key, made[2], SCRAM_HASH);
	scram_wipe(made, sizeof(made));
}

void sasl_scram_to_text(const struct sasl_scram_keys *keys, struct buf *to)
{
	buf_add_slice(to, prefix);
	buf_add_u64(to, keys->iterations);
	buf_add_byte(to, ':');
	base64_encode(to, slice(keys->salt, sizeof(keys->salt)));
	buf_add_byte(to, '$');
	base64_encode(to, slice(keys->stored_key, sizeof(keys->stored_key)));
	buf_add_byte(to, ':');
	base64_encode(to, slice(keys->server_key, sizeof(keys->server_key)));
}

static bool read_bytes(struct slice text, uint8_t *ret_bytes, size_t len)
{
	struct buf bytes = BUF(64);
	bool ok = base64_decode(&bytes, text) && bytes.len == len;
	if (ok)
		memcpy(ret_bytes, bytes.data, len);
	if (bytes.data)
		scram_wipe(bytes.data, bytes.cap);
	buf_free(&bytes);
	return ok;
}

bool sasl_scram_from_text(struct slice text, struct sasl_scram_keys *ret_keys)
{
	if (!slice_starts(text, prefix))
		return false;
	struct slice rest = slice_from(text, prefix.len);
	struct slice iterations = slice_cut(&rest, ':'), salt = slice_cut(&rest, '$'),
		     stored = slice_cut(&rest, ':');
	uint64_t count;
	struct sasl_scram_keys keys = {0};
	bool ok = slice_to_u64(iterations, SASL_SCRAM_ITERATIONS_MAX, &count) && count > 0 &&
		  read_bytes(salt, keys.salt, sizeof(keys.salt)) &&
		  read_bytes(stored, keys.stored_key, sizeof(keys.stored_key)) &&
		  read_bytes(rest, keys.server_key, sizeof(keys.server_key));
	if (ok) {
		keys.iterations = (uint32_t)count;
		*ret_keys = keys;
	}
	scram_wipe(&keys, sizeof(keys));
	return ok;
}
