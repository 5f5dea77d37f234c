/* By OpenSSL's X509. */
#include "acme/leaf.h"

#include "acme/key_internal.h"
#include "base/clock.h"
#include "base/must.h"

#include <openssl/err.h>
#include <openssl/pem.h>

static int bad(struct err *err, const char *text)
{
	ERR_clear_error();
	return err_permanent(err, ERR_BAD_INPUT, "the certificate %s", text);
}

/* All of them must be certificates. NULL when one is not. */
static X509 *first_of(struct slice chain)
{
	BIO *bio = BIO_new_mem_buf(chain.ptr, (int)MIN(chain.len, (size_t)ACME_CHAIN_MAX));
	must(bio);
	X509 *first = PEM_read_bio_X509(bio, NULL, NULL, NULL), *more;
	while (first && (more = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		X509_free(more);
	unsigned long code = ERR_peek_last_error();
	bool ended =
		ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	if (first && !ended) {
		X509_free(first);
		return NULL;
	}
	return first;
}

static bool read_time(const ASN1_TIME *time, int64_t *ret_seconds)
{
	struct tm tm;
	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	const struct clock_date date = {.year = tm.tm_year + 1900,
		.month = tm.tm_mon + 1,
		.day = tm.tm_mday,
		.hour = tm.tm_hour,
		.minute = tm.tm_min,
		.second = tm.tm_sec};
	*ret_seconds = clock_from_date(&date);
	return true;
}

/* For people: what is no plain ASCII becomes "?". */
static void read_issuer(const X509 *cert, char ret[ACME_ISSUER_MAX])
{
	X509_NAME *name = X509_get_issuer_name(cert);
	int len = X509_NAME_get_text_by_NID(name, NID_commonName, ret, ACME_ISSUER_MAX);
	if (len <= 0)
		len = X509_NAME_get_text_by_NID(name, NID_organizationName, ret, ACME_ISSUER_MAX);
	if (len <= 0)
		ret[0] = '\0';
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void read_serial(const X509 *cert, char ret[ACME_SERIAL_MAX])
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *text = number ? BN_bn2hex(number) : NULL;
	ret[0] = '\0';
	if (text && strlen(text) < ACME_SERIAL_MAX)
		(void)snprintf(ret, ACME_SERIAL_MAX, "%s", text);
	OPENSSL_free(text);
	BN_free(number);
}

static bool digest_key(const X509 *cert, uint8_t ret[ACME_DIGEST_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool good = len > 0 && EVP_Digest(der, (size_t)len, ret, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return good;
}

static int read_leaf(X509 *cert, struct acme_leaf *leaf, struct err *err)
{
	*leaf = (struct acme_leaf){0};
	if (!cert)
		return bad(err, "is damaged");
	if (!read_time(X509_get0_notBefore(cert), &leaf->not_before) ||
		!read_time(X509_get0_notAfter(cert), &leaf->not_after) ||
		leaf->not_after <= leaf->not_before)
		return bad(err, "has no dates that can be");
	read_issuer(cert, leaf->issuer);
	read_serial(cert, leaf->serial);
	if (!digest_key(cert, leaf->key_digest))
		return bad(err, "has no key");
	return 0;
}

int acme_leaf_read(struct slice chain, struct acme_leaf *ret_leaf, struct err *err)
{
	X509 *cert = chain.len <= ACME_CHAIN_MAX ? first_of(chain) : NULL;
	int r = read_leaf(cert, ret_leaf, err);
	X509_free(cert);
	return r;
}

static int check(X509 *cert, const struct acme_key *key, const char *const *names, size_t count,
	struct err *err)
{
	if (X509_check_private_key(cert, acme_key_handle(key)) != 1)
		return bad(err, "is for another key");
	for (size_t i = 0; i < count; i++)
		if (X509_check_host(cert, names[i], 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) !=
			1)
			return err_permanent(
				err, ERR_BAD_INPUT, "the certificate is not for %.100s", names[i]);
	return 0;
}

int acme_leaf_check(struct slice chain, const struct acme_key *key, const char *const *names,
	size_t count, int64_t now, struct acme_leaf *ret_leaf, struct err *err)
{
	X509 *cert = chain.len <= ACME_CHAIN_MAX ? first_of(chain) : NULL;
	int r = read_leaf(cert, ret_leaf, err);
	if (r == 0)
		r = check(cert, key, names, count, err);
	if (r == 0 && now >= ret_leaf->not_after)
		r = bad(err, "has expired");
	X509_free(cert);
	return r;
}

int64_t acme_leaf_due(const struct acme_leaf *leaf)
{
	return leaf->not_before + (leaf->not_after - leaf->not_before) / 3 * 2;
}
