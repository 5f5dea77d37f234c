/* A fixed table of small buckets, each lock for some of them. A full bucket gives up its oldest. */
#include "directory/remember.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

enum {
	WAYS = 4,
	BUCKETS = DIRECTORY_REMEMBERED_MAX / WAYS,
	LOCKS = 64,
	KEY_SIZE = 32,
	DIGEST_SIZE = 32,
	KEPT_SIZE = 24, /* of a digest; 4 more bytes choose the bucket */
	PASSWORD_MAX = 1024,
};

struct entry {
	int64_t until; /* milliseconds, monotonic; 0: empty */
	uint8_t digest[KEPT_SIZE];
};

struct directory_memory {
	int64_t ms;
	uint8_t key[KEY_SIZE];
	pthread_mutex_t locks[LOCKS]; /* bucket b is guarded by lock b % LOCKS */
	struct entry buckets[BUCKETS][WAYS];
};

struct directory_memory *directory_memory_new(unsigned seconds)
{
	struct directory_memory *m = ALLOC(struct directory_memory);
	m->ms = (int64_t)seconds * 1000;
	random_bytes(m->key, sizeof(m->key));
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_init(&m->locks[i], NULL);
	return m;
}

void directory_memory_free(struct directory_memory *memory)
{
	if (!memory)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		(void)pthread_mutex_destroy(&memory->locks[i]);
	OPENSSL_cleanse(memory, sizeof(*memory));
	free(memory);
}

/* Account and change number have fixed sizes, so nothing need stand between the parts. */
static bool digest(const struct directory_memory *m, struct id account, uint64_t change,
	struct slice password, uint8_t ret_digest[DIGEST_SIZE])
{
	uint8_t text[ID_SIZE + 8 + PASSWORD_MAX];
	unsigned len = 0;
	if (password.len == 0 || password.len > PASSWORD_MAX)
		return false;
	memcpy(text, account.bytes, ID_SIZE);
	bytes_put_be64(text + ID_SIZE, change);
	memcpy(text + ID_SIZE + 8, password.ptr, password.len);
	const uint8_t *made = HMAC(EVP_sha256(), m->key, sizeof(m->key), text,
		ID_SIZE + 8 + password.len, ret_digest, &len);
	OPENSSL_cleanse(text, ID_SIZE + 8 + password.len);
	return made != NULL && len == DIGEST_SIZE;
}

static size_t bucket_of(const uint8_t digest_bytes[DIGEST_SIZE])
{
	return bytes_get_le32(digest_bytes + KEPT_SIZE) % BUCKETS;
}

bool directory_memory_has(
	struct directory_memory *memory, struct id account, uint64_t change, struct slice password)
{
	uint8_t d[DIGEST_SIZE];
	bool found = false;
	if (memory->ms == 0 || !digest(memory, account, change, password, d))
		return false;
	size_t b = bucket_of(d);
	int64_t now = clock_mono_ms();
	(void)pthread_mutex_lock(&memory->locks[b % LOCKS]);
	for (size_t i = 0; i < WAYS; i++) {
		const struct entry *e = &memory->buckets[b][i];
		found |= e->until > now && CRYPTO_memcmp(e->digest, d, KEPT_SIZE) == 0;
	}
	(void)pthread_mutex_unlock(&memory->locks[b % LOCKS]);
	return found;
}

void directory_memory_add(
	struct directory_memory *memory, struct id account, uint64_t change, struct slice password)
{
	uint8_t d[DIGEST_SIZE];
	if (memory->ms == 0 || !digest(memory, account, change, password, d))
		return;
	size_t b = bucket_of(d);
	(void)pthread_mutex_lock(&memory->locks[b % LOCKS]);
	struct entry *oldest = &memory->buckets[b][0];
	for (size_t i = 0; i < WAYS; i++) {
		struct entry *e = &memory->buckets[b][i];
		if (e->until != 0 && memcmp(e->digest, d, KEPT_SIZE) == 0) {
			oldest = e;
			break;
		}
		if (e->until < oldest->until)
			oldest = e;
	}
	oldest->until = clock_mono_ms() + memory->ms;
	memcpy(oldest->digest, d, KEPT_SIZE);
	(void)pthread_mutex_unlock(&memory->locks[b % LOCKS]);
}
