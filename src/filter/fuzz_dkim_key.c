/* A key record: what is taken is a key of a size that we verify with. */
#include "base/must.h"
#include "filter/dkim_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter_dkim_key key;
	unsigned char hash[FILTER_DIGEST_LEN] = {0};
	struct filter_dkim_verdict verdict = filter_dkim_key_parse(slice(data, size), &key);
	must((verdict.status == FILTER_DKIM_NONE) == (key.handle != NULL));
	must((verdict.status == FILTER_DKIM_NONE) == (verdict.reason[0] == '\0'));
	if (!key.handle)
		return 0;
	must(key.bits == 256 ||
		(key.bits >= FILTER_DKIM_RSA_MIN && key.bits <= FILTER_DKIM_RSA_MAX));
	must(!filter_dkim_key_verify(&key, hash, slice(data, MIN(size, (size_t)256))));
	filter_dkim_key_free(&key);
	return 0;
}
