/* EVP, with its failures (of memory only) as what they are. */
#include "filter/digest.h"

#include "base/must.h"
#include "base/wait.h"

#include <openssl/evp.h>

enum { AT_ONCE = 16384 }; /* bytes between two looks at who else waits */

struct filter_digest filter_digest_new(void)
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	must(state && EVP_DigestInit_ex(state, EVP_sha256(), NULL) == 1);
	return (struct filter_digest){.state = state};
}

struct filter_digest filter_digest_copy(const struct filter_digest *digest)
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	must(state && EVP_MD_CTX_copy_ex(state, digest->state) == 1);
	return (struct filter_digest){.state = state};
}

void filter_digest_add(struct filter_digest *digest, struct slice piece)
{
	while (piece.len > 0) {
		struct slice part = slice_sub(piece, 0, AT_ONCE);
		must(EVP_DigestUpdate(digest->state, part.ptr, part.len) == 1);
		piece = slice_from(piece, part.len);
		if (piece.len > 0)
			wait_give_way();
	}
}

static void take(void *context, struct slice piece)
{
	filter_digest_add(context, piece);
}

struct filter_canon_sink filter_digest_sink(struct filter_digest *digest)
{
	return (struct filter_canon_sink){.take = take, .context = digest};
}

void filter_digest_end(struct filter_digest *digest, unsigned char ret_hash[FILTER_DIGEST_LEN])
{
	unsigned len = 0;
	must(EVP_DigestFinal_ex(digest->state, ret_hash, &len) == 1 && len == FILTER_DIGEST_LEN);
	filter_digest_free(digest);
}

void filter_digest_free(struct filter_digest *digest)
{
	EVP_MD_CTX_free(digest->state);
	digest->state = NULL;
}
