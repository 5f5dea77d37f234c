/* A client's first message is looked at before its SNI counts; one that is an authority's is led to
 * a context of its own, with one certificate and one protocol. */
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/must.h"

enum { HOST_MAX = 253, SNI_HEAD = 5 };

/* The whole extension: a list with one protocol. */
static const unsigned char ONLY_ACME[] = {
	0, 11, 10, 'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1'};

static bool is_acme(SSL *ssl)
{
	const unsigned char *list;
	size_t len;
	return SSL_client_hello_get0_ext(
		       ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &list, &len) == 1 &&
	       len == sizeof(ONLY_ACME) && memcmp(list, ONLY_ACME, len) == 0;
}

/* A list with one name of a host (RFC 6066 section 3). */
static bool read_host(SSL *ssl, char ret_host[HOST_MAX + 1])
{
	const unsigned char *p;
	size_t len;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len) != 1 ||
		len <= SNI_HEAD || len > SNI_HEAD + HOST_MAX)
		return false;
	size_t host = len - SNI_HEAD;
	if ((size_t)(p[0] << 8 | p[1]) != len - 2 || p[2] != TLSEXT_NAMETYPE_host_name ||
		(size_t)(p[3] << 8 | p[4]) != host || memchr(p + SNI_HEAD, '\0', host))
		return false;
	for (size_t i = 0; i < host; i++)
		ret_host[i] = slice_lower((char)p[SNI_HEAD + i]);
	ret_host[host] = '\0';
	return true;
}

static int keep_context(SSL *ssl, int *alert, void *context)
{
	return SSL_TLSEXT_ERR_OK;
}

static int choose_acme(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
	const unsigned char *list, unsigned len, void *context)
{
	*ret = ONLY_ACME + 3;
	*ret_len = sizeof(ONLY_ACME) - 3;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_context(const char *chain, const char *key)
{
	const struct net_tls_certificate certificate = {
		.chain_pem = slice_str(chain), .key_pem = slice_str(key)};
	struct err ignored;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	must(context);
	net_tls_context_common(context);
	SSL_CTX_set_keylog_callback(context, net_tls_on_secret);
	(void)SSL_CTX_set_tlsext_servername_callback(context, keep_context);
	SSL_CTX_set_alpn_select_cb(context, choose_acme, NULL);
	if (net_tls_context_load(context, &certificate, &ignored) == 0)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

int net_tls_challenge_hello(SSL *ssl, const struct net_tls_challenges *challenges, int *ret_alert)
{
	char host[HOST_MAX + 1], *chain = NULL, *key = NULL;
	if (!is_acme(ssl))
		return SSL_CLIENT_HELLO_SUCCESS;
	*ret_alert = SSL_AD_UNRECOGNIZED_NAME;
	if (!read_host(ssl, host) || challenges->find(challenges->context, host, &chain, &key) < 0)
		return SSL_CLIENT_HELLO_ERROR;
	SSL_CTX *context = new_context(chain, key);
	free(chain);
	explicit_bzero(key, strlen(key));
	free(key);
	*ret_alert = SSL_AD_INTERNAL_ERROR;
	if (!context)
		return SSL_CLIENT_HELLO_ERROR;
	bool led = SSL_set_SSL_CTX(ssl, context) != NULL;
	SSL_CTX_free(context); /* the connection has it */
	return led ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}
