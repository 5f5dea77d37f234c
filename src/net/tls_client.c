/* TLS, the client's half: whom to trust, and what name the server must have; or which key. */
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

struct net_tls_client {
	SSL_CTX *context;
	bool verify;             /* certificates */
	struct net_tls_key *key; /* NULL: certificates */
};

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

int net_tls_client_new_key(struct slice identity, struct slice key,
	struct net_tls_client **ret_client, struct err *err)
{
	struct net_tls_client *client = ALLOC(struct net_tls_client);
	if (net_tls_key_new(identity, key, &client->key, err) != 0) {
		free(client);
		return -1;
	}
	client->context = net_tls_key_client(client->key);
	*ret_client = client;
	return 0;
}

void net_tls_client_free(struct net_tls_client *client)
{
	if (!client)
		return;
	SSL_CTX_free(client->context);
	net_tls_key_unref(client->key);
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
	struct net_layer *layer;
	SSL *ssl = net_tls_begin(client->context, below, &layer, err);
	if (!ssl)
		return -1;
	if (name && !set_name(client, ssl, name)) {
		layer->below = NULL;
		layer->ops->free(layer);
		return net_tls_error(err, ERR_PERMANENT, "no name for TLS");
	}
	SSL_set_connect_state(ssl);
	*ret_layer = layer;
	return 0;
}
