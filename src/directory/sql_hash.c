/* By crypt_rn() of libxcrypt, and OpenSSL. */
#include "directory/sql_hash.h"

#include "base/alloc.h"
#include "base/base64.h"
#include "directory/directory.h"
#include "directory/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

/* "{SCHEME}" off the front. */
static struct slice cut_scheme(struct slice *hash)
{
	ssize_t end = slice_starts(*hash, SLICE("{")) ? slice_find(*hash, '}') : -1;
	if (end < 0)
		return SLICE("");
	struct slice scheme = slice_sub(*hash, 1, (size_t)end - 1);
	*hash = slice_from(*hash, (size_t)end + 1);
	return scheme;
}

struct slice directory_sql_hash_argon2id(struct slice hash)
{
	(void)cut_scheme(&hash);
	return slice_starts(hash, SLICE("$argon2id$")) ? hash : SLICE("");
}

static int not_read(struct err *err)
{
	return err_temporary(err, ERR_DAMAGED, "the stored password hash can't be read");
}

static int salted(const EVP_MD *kind, struct slice text, struct slice password, struct err *err)
{
	AUTO(buf_free) struct buf bytes = BUF(DIRECTORY_HASH_TEXT_MAX);
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t size = (size_t)EVP_MD_get_size(kind);
	if (!base64_decode(&bytes, text) || bytes.len < size)
		return not_read(err);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool good = hash && EVP_DigestInit_ex(hash, kind, NULL) == 1 &&
		    EVP_DigestUpdate(hash, password.ptr, password.len) == 1 &&
		    EVP_DigestUpdate(hash, bytes.data + size, bytes.len - size) == 1 &&
		    EVP_DigestFinal_ex(hash, digest, NULL) == 1;
	EVP_MD_CTX_free(hash);
	if (!good)
		return err_temporary(err, ERR_UNAVAILABLE, "the password can't be hashed");
	return CRYPTO_memcmp(digest, bytes.data, size) == 0 ? 0 : DIRECTORY_WRONG;
}

static int crypted(struct slice text, struct slice password, struct err *err)
{
	char setting[CRYPT_OUTPUT_SIZE], phrase[DIRECTORY_PASSWORD_MAX + 1];
	int r = DIRECTORY_WRONG;
	if (text.len >= sizeof(setting) || text.len < 13 || text.ptr[0] != '$')
		return not_read(err);
	if (password.len > DIRECTORY_PASSWORD_MAX || slice_find(password, '\0') >= 0)
		return DIRECTORY_WRONG;
	(void)snprintf(setting, sizeof(setting), "%.*s", SLICE_ARG(text));
	memcpy(phrase, password.ptr, password.len);
	phrase[password.len] = '\0';
	struct crypt_data *data = ALLOC(struct crypt_data);
	const char *hash = crypt_rn(phrase, setting, data, sizeof(*data));
	if (!hash || hash[0] == '*')
		r = not_read(err);
	else if (strlen(hash) == text.len && CRYPTO_memcmp(hash, text.ptr, text.len) == 0)
		r = 0;
	OPENSSL_cleanse(phrase, sizeof(phrase));
	OPENSSL_cleanse(data, sizeof(*data));
	free(data);
	return r;
}

bool directory_sql_hash_is_known(struct slice hash)
{
	struct slice rest = hash, scheme = cut_scheme(&rest);
	static const char *const SALTED[] = {"SSHA", "SSHA256", "SSHA512"};
	for (size_t i = 0; i < ARRAY_LEN(SALTED); i++)
		if (slice_eq_nocase(scheme, slice_str(SALTED[i])))
			return rest.len > 0;
	return rest.len >= 13 && rest.len < CRYPT_OUTPUT_SIZE && rest.ptr[0] == '$';
}

int directory_sql_hash_verify(struct slice hash, struct slice password, struct err *err)
{
	struct slice rest = hash, scheme = cut_scheme(&rest);
	if (password.len == 0)
		return DIRECTORY_WRONG;
	if (slice_eq_nocase(scheme, SLICE("SSHA")))
		return salted(EVP_sha1(), rest, password, err);
	if (slice_eq_nocase(scheme, SLICE("SSHA256")))
		return salted(EVP_sha256(), rest, password, err);
	if (slice_eq_nocase(scheme, SLICE("SSHA512")))
		return salted(EVP_sha512(), rest, password, err);
	return crypted(rest, password, err);
}
