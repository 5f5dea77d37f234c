/* Sealing and opening. A connection keeps 108 bytes a direction; the cipher contexts, which are ten
 * times as large, belong to the thread and are keyed anew for each record. */
#include "net/tls_record.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/must.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

enum {
	FIRST_SUITE = 1,
	SUITES = 3, /* AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 */
	TAG = 16,
	VERSION = 0x0303,            /* section 5.1: of every record */
	RECORDS_MAX = 1 << 23,       /* half of what section 5.5 allows AES-GCM */
	LABEL_MAX = 2 + 1 + 255 + 1, /* HkdfLabel without context */
};

static const struct suite {
	const char *cipher, *digest;
	uint8_t key_len, secret_len;
} suites[SUITES] = {
	{"AES-128-GCM", "SHA256", 16, 32},
	{"AES-256-GCM", "SHA384", 32, 48},
	{"ChaCha20-Poly1305", "SHA256", 32, 32},
};

static pthread_key_t contexts_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Of one thread; made when first wanted. */
struct contexts {
	EVP_CIPHER_CTX *seal[SUITES], *open[SUITES];
	EVP_MD *digest[SUITES];
};

static void contexts_free(void *pointer)
{
	struct contexts *contexts = pointer;
	for (unsigned i = 0; i < SUITES; i++) {
		EVP_CIPHER_CTX_free(contexts->seal[i]);
		EVP_CIPHER_CTX_free(contexts->open[i]);
		EVP_MD_free(contexts->digest[i]);
	}
	free(contexts);
}

static void make_key(void)
{
	must(pthread_key_create(&contexts_key, contexts_free) == 0);
}

static struct contexts *contexts_of_thread(void)
{
	(void)pthread_once(&once, make_key);
	struct contexts *contexts = pthread_getspecific(contexts_key);
	if (!contexts) {
		contexts = ALLOC(struct contexts);
		must(pthread_setspecific(contexts_key, contexts) == 0);
	}
	return contexts;
}

static unsigned index_of(const struct tls_keys *keys)
{
	return keys->suite - FIRST_SUITE;
}

/* HKDF-Expand-Label with an empty context (section 7.1). One block of the hash is enough for all
 * that is asked here. */
static void expand(const struct tls_keys *keys, const char *label, uint8_t *to, size_t len)
{
	unsigned suite = index_of(keys), made = 0;
	uint8_t info[LABEL_MAX + 1], block[EVP_MAX_MD_SIZE];
	size_t label_len = strlen(label), at = 0;
	EVP_MD **digest = &contexts_of_thread()->digest[suite];
	must(len <= suites[suite].secret_len && label_len < 64);
	if (!*digest)
		*digest = EVP_MD_fetch(NULL, suites[suite].digest, NULL);
	info[at++] = (uint8_t)(len >> 8);
	info[at++] = (uint8_t)len;
	info[at++] = (uint8_t)(6 + label_len);
	memcpy(info + at, "tls13 ", 6);
	memcpy(info + at + 6, label, label_len);
	at += 6 + label_len;
	info[at++] = 0; /* the context's length */
	info[at++] = 1; /* the block's number (RFC 5869 section 2.3) */
	must(*digest &&
		HMAC(*digest, keys->secret, suites[suite].secret_len, info, at, block, &made) &&
		made >= len);
	memcpy(to, block, len);
	explicit_bzero(block, sizeof(block));
}

static void derive(struct tls_keys *keys)
{
	expand(keys, "key", keys->key, suites[index_of(keys)].key_len);
	expand(keys, "iv", keys->iv, sizeof(keys->iv));
	keys->sequence = 0;
}

bool tls_keys_init(struct tls_keys *keys, unsigned suite, struct slice secret)
{
	*keys = (struct tls_keys){.suite = (uint8_t)suite};
	if (suite >> 8 != 0x13 || keys->suite < FIRST_SUITE || index_of(keys) >= SUITES ||
		secret.len != suites[index_of(keys)].secret_len)
		return false;
	memcpy(keys->secret, secret.ptr, secret.len);
	derive(keys);
	return true;
}

void tls_keys_update(struct tls_keys *keys)
{
	uint8_t next[TLS_SECRET_MAX];
	size_t len = suites[index_of(keys)].secret_len;
	expand(keys, "traffic upd", next, len);
	memcpy(keys->secret, next, len);
	explicit_bzero(next, sizeof(next));
	derive(keys);
}

bool tls_keys_are_worn(const struct tls_keys *keys)
{
	return keys->sequence >= RECORDS_MAX;
}

void tls_keys_wipe(struct tls_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}

/* Section 5.3. Each number is used once. */
static void next_nonce(struct tls_keys *keys, uint8_t nonce[12])
{
	memcpy(nonce, keys->iv, 12);
	for (unsigned i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(keys->sequence >> (56 - 8 * i));
	keys->sequence++;
}

/* The thread's context with this connection's key in it. */
static EVP_CIPHER_CTX *keyed(struct tls_keys *keys, bool seal)
{
	uint8_t nonce[12];
	unsigned suite = index_of(keys);
	struct contexts *contexts = contexts_of_thread();
	EVP_CIPHER_CTX **slot = seal ? &contexts->seal[suite] : &contexts->open[suite];
	EVP_CIPHER *cipher = NULL;
	if (!*slot) {
		*slot = EVP_CIPHER_CTX_new();
		cipher = EVP_CIPHER_fetch(NULL, suites[suite].cipher, NULL);
		must(*slot && cipher);
	}
	next_nonce(keys, nonce);
	must(EVP_CipherInit_ex2(*slot, cipher, keys->key, nonce, seal, NULL) == 1);
	EVP_CIPHER_free(cipher); /* the context has a reference */
	return *slot;
}

size_t tls_record_seal(
	struct tls_keys *keys, enum tls_content content, struct slice plain, uint8_t *to)
{
	must(plain.len <= TLS_RECORD_PLAIN_MAX);
	EVP_CIPHER_CTX *context = keyed(keys, true);
	size_t inside = plain.len + 1 + TAG;
	uint8_t type = (uint8_t)content, *body = to + TLS_RECORD_HEADER;
	int len;
	to[0] = TLS_DATA;
	bytes_put_be16(to + 1, VERSION);
	bytes_put_be16(to + 3, (uint16_t)inside);
	must(EVP_EncryptUpdate(context, NULL, &len, to, TLS_RECORD_HEADER) == 1);
	if (plain.len > 0)
		must(EVP_EncryptUpdate(
			     context, body, &len, (const uint8_t *)plain.ptr, (int)plain.len) == 1);
	body += plain.len;
	must(EVP_EncryptUpdate(context, body, &len, &type, 1) == 1);
	must(EVP_EncryptFinal_ex(context, body + 1, &len) == 1);
	must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, body + 1) == 1);
	return TLS_RECORD_HEADER + inside;
}

int tls_record_len(struct slice bytes)
{
	const uint8_t *header = (const uint8_t *)bytes.ptr;
	if (bytes.len < TLS_RECORD_HEADER)
		return 0;
	if (header[0] != TLS_DATA)
		return -TLS_UNEXPECTED_MESSAGE;
	int len = bytes_get_be16(header + 3) + TLS_RECORD_HEADER;
	return len <= TLS_RECORD_MAX ? len : -TLS_RECORD_OVERFLOW;
}

int tls_record_open(struct tls_keys *keys, uint8_t *record, size_t len, uint8_t *ret_content,
	struct slice *ret_plain)
{
	int got;
	if (len < TLS_RECORD_OVERHEAD)
		return TLS_BAD_RECORD_MAC;
	EVP_CIPHER_CTX *context = keyed(keys, false);
	uint8_t *body = record + TLS_RECORD_HEADER;
	size_t plain = len - TLS_RECORD_HEADER - TAG;
	must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, body + plain) == 1);
	if (EVP_DecryptUpdate(context, NULL, &got, record, TLS_RECORD_HEADER) != 1 ||
		EVP_DecryptUpdate(context, body, &got, body, (int)plain) != 1 ||
		EVP_DecryptFinal_ex(context, body + plain, &got) != 1)
		return TLS_BAD_RECORD_MAC;
	while (plain > 0 && body[plain - 1] == 0) /* padding (section 5.4) */
		plain--;
	if (plain == 0)
		return TLS_UNEXPECTED_MESSAGE;
	*ret_content = body[--plain];
	*ret_plain = slice(body, plain);
	return plain <= TLS_RECORD_PLAIN_MAX ? 0 : TLS_RECORD_OVERFLOW;
}
