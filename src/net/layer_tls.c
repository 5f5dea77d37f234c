/* TLS as a layer. OpenSSL reads and writes through a BIO that calls the layer below. */
#include "net/layer.h"
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

enum { BINDING_SIZE = 32, DIGEST_MAX = EVP_MAX_MD_SIZE };

struct tls_layer {
	struct net_layer layer;
	SSL *ssl;
	struct net_tls_set *set; /* the server's half: SNI looks in it */
	bool below_ended;        /* for OpenSSL's question after the end of the stream */
	bool broken;             /* after a fatal error OpenSSL must not be called */
};

struct net_tls_client {
	SSL_CTX *context;
	bool verify;
};

static int bio_result(BIO *bio, ssize_t count)
{
	BIO_clear_retry_flags(bio);
	if (count == NET_LAYER_WANT_READ)
		BIO_set_retry_read(bio);
	if (count == NET_LAYER_WANT_WRITE)
		BIO_set_retry_write(bio);
	return count < 0 ? -1 : (int)count;
}

static int bio_read(BIO *bio, char *to, int len)
{
	struct tls_layer *tls = BIO_get_data(bio);
	ssize_t got = tls->layer.below->ops->read(tls->layer.below, to, (size_t)len);
	tls->below_ended = got == 0;
	return bio_result(bio, got);
}

static int bio_write(BIO *bio, const char *from, int len)
{
	struct tls_layer *tls = BIO_get_data(bio);
	return bio_result(bio, tls->layer.below->ops->write(tls->layer.below, from, (size_t)len));
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct tls_layer *tls = BIO_get_data(bio);
	if (command == BIO_CTRL_EOF)
		return tls->below_ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "net layer");
	must(bio_method);
	must(BIO_meth_set_read(bio_method, bio_read) == 1);
	must(BIO_meth_set_write(bio_method, bio_write) == 1);
	must(BIO_meth_set_ctrl(bio_method, bio_ctrl) == 1);
}

/* Turns the result of a failed OpenSSL call into one of a layer. */
static int failure(struct tls_layer *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return NET_LAYER_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return NET_LAYER_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		tls->broken = true;
		return NET_LAYER_BROKEN;
	}
}

static int tls_handshake(struct net_layer *layer, struct err *err)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	if (tls->broken)
		return err_temporary(err, ERR_OTHER, "TLS handshake failed before");
	ERR_clear_error();
	int result = SSL_do_handshake(tls->ssl);
	if (result == 1)
		return 0;
	int why = failure(tls, result);
	if (why == NET_LAYER_WANT_READ || why == NET_LAYER_WANT_WRITE)
		return why;
	tls->broken = true;
	if (SSL_get_verify_result(tls->ssl) != X509_V_OK && !SSL_is_server(tls->ssl)) {
		ERR_clear_error();
		return err_temporary(err, ERR_DENIED, "the server's certificate: %s",
			X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl)));
	}
	if (ERR_peek_error() == 0)
		return err_temporary(err, ERR_UNAVAILABLE, "the peer left the TLS handshake");
	return net_tls_error(err, ERR_TEMPORARY, "TLS handshake failed");
}

static ssize_t tls_read(struct net_layer *layer, void *to, size_t len)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	if (tls->broken)
		return NET_LAYER_BROKEN;
	ERR_clear_error();
	int got = SSL_read(tls->ssl, to, (int)MIN(len, (size_t)INT32_MAX));
	return got > 0 ? got : failure(tls, got);
}

/* Asking OpenSSL in vain would make it allocate a record buffer and free it again. */
static bool tls_may_read(struct net_layer *layer)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	return layer->below->ops->may_read(layer->below) || SSL_has_pending(tls->ssl);
}

static ssize_t tls_write(struct net_layer *layer, const void *from, size_t len)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	if (tls->broken)
		return NET_LAYER_BROKEN;
	ERR_clear_error();
	int sent = SSL_write(tls->ssl, from, (int)MIN(len, (size_t)INT32_MAX));
	if (sent > 0)
		return sent;
	int why = failure(tls, sent);
	return why == 0 ? NET_LAYER_BROKEN : why;
}

static void tls_finish(struct net_layer *layer)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	if (tls->broken || SSL_in_init(tls->ssl))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

static void tls_free(struct net_layer *layer)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	struct net_layer *below = layer->below;
	SSL_free(tls->ssl);
	net_tls_set_unref(tls->set);
	free(tls);
	if (below)
		below->ops->free(below);
}

static const struct net_layer_ops TLS_OPS = {
	.handshake = tls_handshake,
	.read = tls_read,
	.may_read = tls_may_read,
	.write = tls_write,
	.finish = tls_finish,
	.free = tls_free,
};

static struct tls_layer *new_layer(SSL_CTX *context, struct net_layer *below, struct err *err)
{
	(void)pthread_once(&bio_once, make_bio_method);
	SSL *ssl = SSL_new(context);
	BIO *bio = BIO_new(bio_method);
	if (!ssl || !bio) {
		SSL_free(ssl);
		BIO_free(bio);
		(void)net_tls_error(err, ERR_TEMPORARY, "cannot begin TLS");
		return NULL;
	}
	struct tls_layer *tls = ALLOC(struct tls_layer);
	*tls = (struct tls_layer){.layer = {.ops = &TLS_OPS, .below = below}, .ssl = ssl};
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return tls;
}

int net_tls_serve(struct net_tls_slot *slot, struct net_layer *below, struct net_layer **ret_layer,
	struct err *err)
{
	struct net_tls_set *set = net_tls_slot_take(slot);
	if (!set)
		return err_temporary(err, ERR_UNAVAILABLE, "no certificate is loaded");
	struct tls_layer *tls = new_layer(net_tls_set_context(set), below, err);
	if (!tls) {
		net_tls_set_unref(set);
		return -1;
	}
	tls->set = set;
	SSL_set_accept_state(tls->ssl);
	*ret_layer = &tls->layer;
	return 0;
}

int net_tls_client_new(
	const char *ca_file, bool verify, struct net_tls_client **ret_client, struct err *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	must(context);
	net_tls_context_common(context);
	SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	int loaded = !verify   ? 1
		     : ca_file ? SSL_CTX_load_verify_file(context, ca_file)
			       : SSL_CTX_set_default_verify_paths(context);
	if (loaded != 1) {
		SSL_CTX_free(context);
		return net_tls_error(
			err, ERR_PERMANENT, ca_file ? ca_file : "the system's certificates");
	}
	struct net_tls_client *client = ALLOC(struct net_tls_client);
	*client = (struct net_tls_client){.context = context, .verify = verify};
	*ret_client = client;
	return 0;
}

void net_tls_client_free(struct net_tls_client *client)
{
	if (!client)
		return;
	SSL_CTX_free(client->context);
	free(client);
}

/* SNI carries host names only (RFC 6066 section 3); an IP is checked against the certificate's IPs.
 */
static bool set_name(struct net_tls_client *client, SSL *ssl, const char *name)
{
	uint8_t ip[16];
	if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1)
		return !client->verify ||
		       X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       (!client->verify || SSL_set1_host(ssl, name) == 1);
}

int net_tls_connect(struct net_tls_client *client, const char *name, struct net_layer *below,
	struct net_layer **ret_layer, struct err *err)
{
	struct tls_layer *tls = new_layer(client->context, below, err);
	if (!tls)
		return -1;
	if (name && !set_name(client, tls->ssl, name)) {
		tls->layer.below = NULL;
		tls_free(&tls->layer);
		return net_tls_error(err, ERR_PERMANENT, "no name for TLS");
	}
	SSL_set_connect_state(tls->ssl);
	*ret_layer = &tls->layer;
	return 0;
}

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

struct net_tls_info *net_tls_info_new(struct net_layer *top)
{
	static const char LABEL[] = "EXPORTER-Channel-Binding";
	while (top && top->ops != &TLS_OPS)
		top = top->below;
	must(top);
	struct tls_layer *tls = (struct tls_layer *)top;
	const char *sni = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
	size_t sni_len = sni ? strlen(sni) : 0;
	struct info_block *block = alloc_zero(1, sizeof(*block) + sni_len + 1);
	block->info.version = SSL_get_version(tls->ssl);
	block->info.cipher = SSL_get_cipher_name(tls->ssl);
	if (sni_len > 0)
		memcpy(block->sni, sni, sni_len);
	block->info.sni = block->sni;
	if (SSL_version(tls->ssl) >= TLS1_3_VERSION &&
		SSL_export_keying_material(tls->ssl, block->exporter, BINDING_SIZE, LABEL,
			sizeof(LABEL) - 1, (const unsigned char *)"", 0, 1) == 1)
		block->info.exporter = slice(block->exporter, BINDING_SIZE);
	block->info.server_end_point =
		slice(block->end_point, server_end_point(tls->ssl, block->end_point));
	ERR_clear_error();
	return &block->info;
}
