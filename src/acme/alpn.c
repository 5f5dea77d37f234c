/* The digest stands in an extension that the authority knows by its number. */
#include "acme/alpn.h"

#include "acme/key_internal.h"

#include <openssl/ec.h>
#include <openssl/pem.h>

enum { DIGEST_LEN = 32, DAY = 86400 };

static const char ACME_IDENTIFIER[] = "1.3.6.1.5.5.7.1.31";

static bool add_digest(X509 *cert, struct slice key_authorization)
{
	unsigned char der[2 + DIGEST_LEN] = {V_ASN1_OCTET_STRING, DIGEST_LEN};
	ASN1_OBJECT *name = OBJ_txt2obj(ACME_IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	bool good = name && value &&
		    EVP_Digest(key_authorization.ptr, key_authorization.len, der + 2, NULL,
			    EVP_sha256(), NULL) == 1 &&
		    ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1;
	X509_EXTENSION *extension =
		good ? X509_EXTENSION_create_by_OBJ(NULL, name, 1, value) : NULL;
	good = extension && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(name);
	return good;
}

static bool add_name(X509 *cert, const char *host)
{
	X509_EXTENSION *extension = acme_alt_names(&host, 1);
	bool good = extension && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool fill(X509 *cert, EVP_PKEY *key, const char *host, struct slice key_authorization)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	const unsigned char *common = (const unsigned char *)"ACME challenge";
	return X509_set_version(cert, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), DAY) && X509_set_pubkey(cert, key) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1 && add_name(cert, host) &&
	       add_digest(cert, key_authorization) && X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool add_certificate(X509 *cert, struct buf *to)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio && PEM_write_bio_X509(bio, cert) == 1;
	if (good)
		acme_add_bio(to, bio);
	BIO_free(bio);
	return good && !to->failed;
}

int acme_alpn_certificate(const char *host, struct slice key_authorization, struct buf *ret_chain,
	struct buf *ret_key, struct err *err)
{
	if (!acme_is_host(host))
		return err_permanent(err, ERR_BAD_INPUT, "\"%.100s\" is no host name", host);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool good = key && cert && fill(cert, key, host, key_authorization) &&
		    add_certificate(cert, ret_chain) && acme_write_key(key, ret_key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return good ? 0 : acme_ssl_error(err, "no certificate can be made");
}
