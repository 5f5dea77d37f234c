/* A certificate of one's own, for a first start. */
#include "net/tls_internal.h"

#include "net/address.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { TEN_YEARS = 10 * 365 * 86400 };

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool good = extension && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool is_ip(const char *host)
{
	struct net_trusted probe = {0};
	bool ip = strchr(host, '/') == NULL && net_trusted_add(&probe, slice_str(host), NULL) == 0;
	net_trusted_free(&probe);
	return ip;
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[16];
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 1); /* positive, never zero */
	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return good;
}

static bool fill(X509 *cert, EVP_PKEY *key, const char *host)
{
	char names[300];
	X509_NAME *subject = X509_get_subject_name(cert);
	(void)snprintf(names, sizeof(names), "%s:%s", is_ip(host) ? "IP" : "DNS", host);
	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), TEN_YEARS) &&
	       X509_set_pubkey(cert, key) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)host,
		       (int)MIN(strlen(host), (size_t)64), -1, 0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1 &&
	       add_extension(cert, NID_subject_alt_name, names) &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

/* The bytes of a memory BIO as a string of the caller's. */
static char *text_of(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	return slice_dup(slice(data, (size_t)len));
}

/* The host becomes part of an extension's little language, so only what a name or an IP has may
 * pass. */
static bool is_host(const char *host)
{
	size_t len = strlen(host);
	return len > 0 && len <= 253 &&
	       strspn(host,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:*") ==
		       len;
}

int net_tls_self_signed(const char *host, char **ret_chain_pem, char **ret_key_pem, struct err *err)
{
	if (!is_host(host))
		return err_permanent(err, ERR_BAD_INPUT, "\"%.100s\" is no host name", host);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	bool good = key && cert && cert_pem && key_pem && fill(cert, key, host) &&
		    PEM_write_bio_X509(cert_pem, cert) == 1 &&
		    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (good) {
		*ret_chain_pem = text_of(cert_pem);
		*ret_key_pem = text_of(key_pem);
	}
	BIO_free(cert_pem);
	BIO_free(key_pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return good ? 0 : net_tls_error(err, ERR_TEMPORARY, "cannot make a certificate");
}
