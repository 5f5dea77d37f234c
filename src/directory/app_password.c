/* App passwords are kept as one salted SHA-256, not as an expensive hash: they carry 100 random
 * bits, so nobody finds one by trying, however fast each try is. An expensive hash makes up for
 * passwords that people choose; here it would only make each login slow, once per app password. */
#include "directory/app_password.h"

#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { LETTERS = 20, GROUP = 5 };

static void digest(const uint8_t salt[DIRECTORY_SALT_SIZE], const char letters[LETTERS],
	uint8_t ret_digest[DIRECTORY_DIGEST_SIZE])
{
	uint8_t text[DIRECTORY_SALT_SIZE + LETTERS];
	memcpy(text, salt, DIRECTORY_SALT_SIZE);
	memcpy(text + DIRECTORY_SALT_SIZE, letters, LETTERS);
	if (EVP_Digest(text, sizeof(text), ret_digest, NULL, EVP_sha256(), NULL) != 1)
		random_bytes(ret_digest, DIRECTORY_DIGEST_SIZE); /* matches nothing */
	OPENSSL_cleanse(text, sizeof(text));
}

void directory_app_password_make(struct directory_app_password_row *row, struct buf *ret_password)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t bytes[LETTERS];
	char letters[LETTERS];
	random_bytes(bytes, sizeof(bytes));
	random_bytes(row->salt, sizeof(row->salt));
	for (size_t i = 0; i < LETTERS; i++) {
		letters[i] = alphabet[bytes[i] & 31];
		if (i > 0 && i % GROUP == 0)
			buf_add_byte(ret_password, '-');
		buf_add_byte(ret_password, letters[i]);
	}
	digest(row->salt, letters, row->digest);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(letters, sizeof(letters));
}

bool directory_app_password_matches(
	const struct directory_app_password_row *row, struct slice password)
{
	uint8_t got[DIRECTORY_DIGEST_SIZE];
	char letters[LETTERS];
	size_t n = 0;
	if (password.len > 2 * LETTERS)
		return false;
	for (size_t i = 0; i < password.len; i++) {
		char c = password.ptr[i];
		if (c == '-' || c == ' ')
			continue;
		if (n == LETTERS)
			return false;
		letters[n++] = slice_lower(c);
	}
	if (n != LETTERS)
		return false;
	digest(row->salt, letters, got);
	OPENSSL_cleanse(letters, sizeof(letters));
	return CRYPTO_memcmp(got, row->digest, sizeof(got)) == 0;
}
