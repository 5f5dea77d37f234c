/* The record by the reader of tags, the key in it by OpenSSL. */
#include "filter/dkim_key.h"

#include "filter/tags.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

enum { ED25519_LEN = 32 };

#define GOOD FILTER_DKIM_SAY(NONE, "")

void filter_dkim_key_free(struct filter_dkim_key *key)
{
	EVP_PKEY_free(key->handle);
	key->handle = NULL;
}

/* Cuts an element of DER with that tag and a length below 65,536. */
static bool cut_der(struct slice *rest, unsigned char tag, struct slice *ret_content)
{
	const unsigned char *p = (const unsigned char *)rest->ptr;
	if (rest->len < 2 || p[0] != tag)
		return false;
	size_t len = p[1], head = 2;
	if (len >= 0x80) {
		head += len - 0x80;
		if (head > 4 || rest->len < head)
			return false;
		len = head == 2 ? 0 : head == 3 ? p[2] : (size_t)p[2] << 8 | p[3];
	}
	if (len > rest->len - head)
		return false;
	*ret_content = slice_sub(*rest, head, len);
	*rest = slice_from(*rest, head + len);
	return true;
}

/* The RSAPublicKey in a SubjectPublicKeyInfo (RFC 3279 section 2.3.1). OpenSSL would find it too,
 * but its search through all kinds of keys costs five times what verifying does. */
static bool unwrap_rsa(struct slice der, struct slice *ret_key)
{
	static const char RSA[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05";
	struct slice info, algorithm, bits;
	if (!cut_der(&der, 0x30, &info) || der.len > 0 || !cut_der(&info, 0x30, &algorithm) ||
		!cut_der(&info, 0x03, &bits) || info.len > 0 || bits.len == 0 || bits.ptr[0] != 0)
		return false;
	*ret_key = slice_from(bits, 1);
	return slice_eq(algorithm, slice(RSA, sizeof(RSA))); /* its NUL is the length of NULL */
}

/* As everybody publishes it, or the bare RSAPublicKey that RFC 6376 names. */
static EVP_PKEY *read_rsa(struct slice der)
{
	if (der.len == 0)
		return NULL;
	struct slice inner;
	if (unwrap_rsa(der, &inner))
		der = inner;
	const unsigned char *p = (const unsigned char *)der.ptr, *end = p + der.len;
	EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.len);
	if (key && p != end) {
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
