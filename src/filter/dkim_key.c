/* The record by the reader of tags, the key in it by OpenSSL. */
#include "filter/dkim_key.h"

#include "filter/tags.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum { ED25519_LEN = 32 };

#define GOOD FILTER_DKIM_SAY(NONE, "")

void filter_dkim_key_free(struct filter_dkim_key *key)
{
	EVP_PKEY_free(key->handle);
	key->handle = NULL;
}

/* SubjectPublicKeyInfo, as everybody publishes it, or the RSAPublicKey that RFC 6376 names. */
static EVP_PKEY *read_rsa(struct slice der)
{
	if (der.len == 0)
		return NULL;
	const unsigned char *p = (const unsigned char *)der.ptr, *end = p + der.len;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.len);
	if (!key) {
		p = (const unsigned char *)der.ptr;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.len);
	}
	if (key && (p != end || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static struct filter_dkim_verdict read_public(struct slice text, struct filter_dkim_key *key)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice bytes = filter_dkim_from_base64(text, &arena);
	if (key->algorithm == FILTER_DKIM_RSA_SHA256)
		key->handle = read_rsa(bytes);
	else if (bytes.len == ED25519_LEN)
		key->handle = EVP_PKEY_new_raw_public_key(
			EVP_PKEY_ED25519, NULL, (const unsigned char *)bytes.ptr, bytes.len);
	ERR_clear_error();
	if (!key->handle)
		return FILTER_DKIM_SAY(PERMERROR, "malformed key (p=)");
	key->bits = (unsigned)EVP_PKEY_get_bits(key->handle);
	if (key->algorithm != FILTER_DKIM_RSA_SHA256)
		return GOOD;
	if (key->bits < FILTER_DKIM_RSA_MIN)
		return FILTER_DKIM_SAY(POLICY, "key has less than 1024 bits");
	if (key->bits > FILTER_DKIM_RSA_MAX)
		return FILTER_DKIM_SAY(POLICY, "key has more than 4096 bits");
	return GOOD;
}

/* Whether it is a key at all comes before what is in it: other records may lie at the same name. */
static bool is_record(struct slice record)
{
	struct slice list = record;
	struct filter_tag first;
	if (record.len > FILTER_DKIM_RECORD_MAX || !filter_tags_check(record) ||
		filter_tags_next(&list, &first) != FILTER_TAGS_TAG)
		return false;
	struct slice version = filter_tags_find(record, "v");
	if (version.ptr)
		return slice_eq(first.name, SLICE("v")) && slice_eq(version, SLICE("DKIM1"));
	return filter_tags_find(record, "p").ptr != NULL;
}

static struct filter_dkim_verdict read_uses(struct slice record, struct filter_dkim_key *key)
{
	struct slice type = filter_tags_find(record, "k"), hashes = filter_tags_find(record, "h"),
		     services = filter_tags_find(record, "s");
	if (type.ptr && slice_eq(type, SLICE("ed25519")))
		key->algorithm = FILTER_DKIM_ED25519_SHA256;
	else if (type.ptr && !slice_eq(type, SLICE("rsa")))
		return FILTER_DKIM_SAY(PERMERROR, "unknown kind of key (k=)");
	if (hashes.ptr && !filter_tags_has_part(hashes, ':', "sha256"))
		return FILTER_DKIM_SAY(PERMERROR, "key is not for sha256 (h=)");
	if (services.ptr && !filter_tags_has_part(services, ':', "*") &&
		!filter_tags_has_part(services, ':', "email"))
		return FILTER_DKIM_SAY(PERMERROR, "key is not for mail (s=)");
	return GOOD;
}

struct filter_dkim_verdict filter_dkim_key_parse(
	struct slice record, struct filter_dkim_key *ret_key)
{
	*ret_key = (struct filter_dkim_key){0};
	if (!is_record(record))
		return FILTER_DKIM_SAY(PERMERROR, "the record is no key");
	struct slice flags = filter_tags_find(record, "t"), text = filter_tags_find(record, "p");
	ret_key->testing = flags.ptr && filter_tags_has_part(flags, ':', "y");
	ret_key->same_domain = flags.ptr && filter_tags_has_part(flags, ':', "s");
	struct filter_dkim_verdict verdict = read_uses(record, ret_key);
	if (verdict.status != FILTER_DKIM_NONE)
		return verdict;
	if (!text.ptr)
		return FILTER_DKIM_SAY(PERMERROR, "the record has no key (p=)");
	if (text.len == 0)
		return FILTER_DKIM_SAY(PERMERROR, "the key was revoked");
	verdict = read_public(text, ret_key);
	if (verdict.status != FILTER_DKIM_NONE)
		filter_dkim_key_free(ret_key);
	return verdict;
}

/* The hash is what Ed25519 signs, not what it hashes (RFC 8463 section 3). */
static bool verify_ed25519(EVP_PKEY *key, const unsigned char *hash, struct slice signature)
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	bool good = state && EVP_DigestVerifyInit(state, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(state, (const unsigned char *)signature.ptr, signature.len,
			    hash, FILTER_DIGEST_LEN) == 1;
	EVP_MD_CTX_free(state);
	return good;
}

static bool verify_rsa(EVP_PKEY *key, const unsigned char *hash, struct slice signature)
{
	EVP_PKEY_CTX *state = EVP_PKEY_CTX_new(key, NULL);
	bool good = state && EVP_PKEY_verify_init(state) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(state, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(state, EVP_sha256()) == 1 &&
		    EVP_PKEY_verify(state, (const unsigned char *)signature.ptr, signature.len,
			    hash, FILTER_DIGEST_LEN) == 1;
	EVP_PKEY_CTX_free(state);
	return good;
}

bool filter_dkim_key_verify(const struct filter_dkim_key *key,
	const unsigned char hash[FILTER_DIGEST_LEN], struct slice signature)
{
	bool good = key->algorithm == FILTER_DKIM_ED25519_SHA256
			    ? verify_ed25519(key->handle, hash, signature)
			    : verify_rsa(key->handle, hash, signature);
	ERR_clear_error();
	return good;
}
