/* What a TLS handshake came to, with the channel bindings that SASL wants. */
#include "net/tls_internal.h"

#include "base/alloc.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { BINDING_SIZE = 32, DIGEST_MAX = EVP_MAX_MD_SIZE };

/* RFC 5929 section 4.1: the hash of the certificate's signature, SHA-256 instead of MD5 and
 * SHA-1. */
static size_t server_end_point(SSL *ssl, unsigned char to[DIGEST_MAX])
{
	X509 *cert = SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
	int digest = NID_undef;
	unsigned len = 0;
	if (!cert || X509_get_signature_info(cert, &digest, NULL, NULL, NULL) != 1)
		return 0;
	if (digest == NID_undef || digest == NID_md5 || digest == NID_sha1)
		digest = NID_sha256;
	const EVP_MD *hash = EVP_get_digestbynid(digest);
	return hash && X509_digest(cert, hash, to, &len) == 1 ? len : 0;
}

/* Everything lies behind the struct, so that one free() is enough. */
struct info_block {
	struct net_tls_info info;
	unsigned char exporter[BINDING_SIZE], end_point[DIGEST_MAX];
	char sni[];
};

static enum net_tls_trouble trouble_of(long verified)
{
	switch (verified) {
	case X509_V_OK:
		return NET_TLS_NO_TROUBLE;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return NET_TLS_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return NET_TLS_OTHER_NAME;
	default:
		return NET_TLS_UNTRUSTED;
	}
}

static void tell_trouble(SSL *ssl, struct net_tls_info *info)
{
	long verified = SSL_get_verify_result(ssl);
	if (SSL_is_server(ssl) || verified == X509_V_OK)
		return;
	info->trouble = trouble_of(verified);
	info->trouble_words = X509_verify_cert_error_string(verified);
}

struct net_tls_info *net_tls_info_new(SSL *ssl)
{
	static const char LABEL[] = "EXPORTER-Channel-Binding";
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	size_t sni_len = sni ? strlen(sni) : 0;
	struct info_block *block = alloc_zero(1, sizeof(*block) + sni_len + 1);
	block->info.version = SSL_get_version(ssl);
	block->info.cipher = SSL_get_cipher_name(ssl);
	tell_trouble(ssl, &block->info);
	if (sni_len > 0)
		memcpy(block->sni, sni, sni_len);
	block->info.sni = block->sni;
	if (SSL_version(ssl) >= TLS1_3_VERSION &&
		SSL_export_keying_material(ssl, block->exporter, BINDING_SIZE, LABEL,
			sizeof(LABEL) - 1, (const unsigned char *)"", 0, 1) == 1)
		block->info.exporter = slice(block->exporter, BINDING_SIZE);
	block->info.server_end_point =
		slice(block->end_point, server_end_point(ssl, block->end_point));
	ERR_clear_error();
	return &block->info;
}
