/* Header and body are looked at once for all signers. */
#include "filter/dkim_sign.h"

#include "filter/dkim_names.h"

#include "base/wait.h"

static int sign_all(struct filter_dkim_hashes *hashes, struct filter_dkim_draft *draft,
	const struct filter_dkim_signer *signers, size_t count, struct buf *to, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct filter_dkim_signature signature;
		struct filter_fold fold;
		unsigned char hash[FILTER_DIGEST_LEN];
		draft->signer = &signers[i];
		filter_dkim_draft_write(draft, to, &fold, &signature);
		if (to->failed)
			return err_temporary(err, ERR_LIMIT, "no room for a signature");
		filter_dkim_hashes_header(hashes, &signature, hash);
		int result = filter_dkim_draft_sign(draft, hash, &fold, err);
		if (result < 0)
			return result;
		wait_give_way();
	}
	return 0;
}

int filter_dkim_sign(const struct filter_message *message, const struct filter_dkim_signer *signers,
	size_t count, int64_t now, int64_t lifetime, struct buf *to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct filter_dkim_hashes *hashes = filter_dkim_hashes_new(message, &arena);
	filter_dkim_names_want(hashes);
	filter_dkim_hashes_scan(hashes);
	struct filter_dkim_draft draft = {
		.kind = FILTER_DKIM_SIGNATURE,
		.time = now,
		.expiry = lifetime > 0 ? now + lifetime : 0,
		.names = filter_dkim_names_list(hashes, &arena),
		.body_hash = filter_dkim_hashes_body(hashes, FILTER_CANON_RELAXED, FILTER_CANON_ALL)
				     ->hash,
	};
	size_t before = to->len;
	int result = sign_all(hashes, &draft, signers, count, to, err);
	if (result < 0)
		to->len = before;
	return result;
}
