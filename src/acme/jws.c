/* Header and payload are base64url of JSON; the signature is over both, with a dot between. */
#include "acme/jws.h"

#include "base/base64url.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { PART_MAX = 256 * 1024, HEADER_MAX = 8 * 1024, HMAC_KEY_MAX = 1024 };

static int too_long(struct err *err)
{
	return err_permanent(err, ERR_LIMIT, "a request is too long");
}

/* Appends JSON as text. */
static int add_json(json_t *json, struct buf *to, struct err *err)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return err_permanent(err, ERR_BAD_INPUT, "a request is no UTF-8");
	buf_add_str(to, text);
	free(text);
	return to->failed ? too_long(err) : 0;
}

/* "HEADER.PAYLOAD", both encoded: what is signed. */
static int sign_what(json_t *header, struct slice payload, struct buf *to, struct err *err)
{
	AUTO(buf_free) struct buf text = BUF(HEADER_MAX);
	if (add_json(header, &text, err) < 0)
		return -1;
	base64url_encode(to, buf_slice(&text));
	buf_add_byte(to, '.');
	base64url_encode(to, payload);
	return to->failed ? too_long(err) : 0;
}

static int write_flat(
	struct slice signed_part, struct slice signature, struct buf *to, struct err *err)
{
	struct slice payload = signed_part, header = slice_cut(&payload, '.');
	buf_printf(to, "{\"protected\":\"%.*s\",\"payload\":\"", SLICE_ARG(header));
	buf_add_slice(to, payload);
	buf_add_str(to, "\",\"signature\":\"");
	base64url_encode(to, signature);
	buf_add_str(to, "\"}");
	return to->failed ? too_long(err) : 0;
}

static json_t *header_of(const struct acme_jws *jws, const char *jwk)
{
	json_t *header =
		json_pack("{s:s, s:s, s:s}", "alg", "ES256", "nonce", jws->nonce, "url", jws->url);
	json_t *key = jws->kid ? json_string(jws->kid) : json_loads(jwk, 0, NULL);
	if (json_object_set_new(header, jws->kid ? "kid" : "jwk", key) == 0)
		return header;
	json_decref(header);
	return NULL;
}

int acme_jws_write(const struct acme_jws *jws, struct buf *to, struct err *err)
{
	AUTO(buf_free) struct buf part = BUF(PART_MAX), jwk = BUF(HEADER_MAX);
	uint8_t signature[ACME_SIGNATURE_LEN];
	if (acme_key_jwk(jws->key, &jwk, err) < 0 ||
		sign_what(header_of(jws, buf_cstr(&jwk)), jws->payload, &part, err) < 0 ||
		acme_key_sign(jws->key, buf_slice(&part), signature, err) < 0)
		return -1;
	return write_flat(buf_slice(&part), slice(signature, sizeof(signature)), to, err);
}

int acme_jws_bind(const struct acme_key *key, const char *kid, const char *hmac_key,
	const char *url, struct buf *to, struct err *err)
{
	AUTO(buf_free) struct buf part = BUF(PART_MAX), jwk = BUF(HEADER_MAX);
	AUTO(buf_free) struct buf secret = BUF(HMAC_KEY_MAX);
	unsigned char signature[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!base64url_decode(&secret, slice_str(hmac_key)) || secret.len == 0)
		return err_permanent(
			err, ERR_BAD_INPUT, "eab_hmac_key is no key: expected base64url");
	json_t *header = json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid", kid, "url", url);
	int r = acme_key_jwk(key, &jwk, err);
	if (r == 0)
		r = sign_what(header, buf_slice(&jwk), &part, err);
	else
		json_decref(header);
	if (r == 0 && !HMAC(EVP_sha256(), secret.data, (int)secret.len,
			      (const unsigned char *)part.data, part.len, signature, &len))
		r = err_temporary(err, ERR_OTHER, "nothing can be signed");
	explicit_bzero(secret.data, secret.len);
	return r < 0 ? r : write_flat(buf_slice(&part), slice(signature, len), to, err);
}
