/* A hash in the form of an id. */
#include "directory/account.h"

#include "base/must.h"

#include <openssl/evp.h>

enum { DIGEST_SIZE = 32, DERIVED = 0xff };

struct id directory_account_of(struct slice identity)
{
	static const char PREFIX[] = "rookery account"; /* with its NUL */
	uint8_t digest[DIGEST_SIZE];
	struct id id = {{DERIVED}};
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	must(identity.len > 0);
	must(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(hash, PREFIX, sizeof(PREFIX)) == 1 &&
		EVP_DigestUpdate(hash, identity.ptr, identity.len) == 1 &&
		EVP_DigestFinal_ex(hash, digest, NULL) == 1);
	EVP_MD_CTX_free(hash);
	memcpy(id.bytes + 1, digest, ID_SIZE - 1);
	return id;
}
