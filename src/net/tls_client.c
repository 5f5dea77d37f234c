/* TLS, the client's half: whom to trust, and what name the server must have; or which key. */
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

/* Where any certificate will do, weak encryption is better than none: 1024-bit keys, and ciphers
 * without forward secrecy, behind all better ones. */
enum { WEAK_LEVEL = 1 };
static const char WEAK_CIPHERS_12[] =
	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:RSA+AES:!aNULL:!PSK";

struct net_tls_client {
	SSL_CTX *context;
	bool verify;             /* certificates, be it that any is taken */
	struct net_tls_key *key; /* NULL: certificates */
};

/* `looks`: it has authorities. `must_fit`: what they do not vouch for fails. */
static int new_client(const char *ca_file, bool looks, bool must_fit,
	struct net_tls_client **ret_client, struct err *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	must(context);
	net_tls_context_common(context);
	SSL_CTX_set_keylog_callback(context, net_tls_on_secret); /* no log: see there */
	SSL_CTX_set_verify(context, must_fit ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	must(SSL_CTX_dane_enable(context) == 1);
	if (!must_fit) {
		SSL_CTX_set_security_level(context, WEAK_LEVEL);
		must(SSL_CTX_set_cipher_list(context, WEAK_CIPHERS_12) == 1);
	}
	int loaded = !looks    ? 1
		     : ca_file ? SSL_CTX_load_verify_file(context, ca_file)
			       : SSL_CTX_set_default_verify_paths(context);
	if (loaded != 1) {
		SSL_CTX_free(context);
		return net_tls_error(
			err, ERR_PERMANENT, ca_file ? ca_file : "the system's certificates");
	}
	struct net_tls_client *client = ALLOC(struct net_tls_client);
	*client = (struct net_tls_client){.context = context, .verify = looks};
	*ret_client = client;
	return 0;
}

int net_tls_client_new(
	const char *ca_file, bool verify, struct net_tls_client **ret_client, struct err *err)
{
	return new_client(ca_file, verify, verify, ret_client, err);
}

int net_tls_client_new_lenient(
	const char *ca_file, struct net_tls_client **ret_client, struct err *err)
{
	return new_client(ca_file, true, false, ret_client, err);
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

/* The layer was not made after all. */
static int give_up(struct net_layer *layer, const char *text, struct err *err)
{
	layer->below = NULL; /* stays the caller's */
	layer->ops->free(layer);
	return net_tls_error(err, ERR_PERMANENT, text);
}

int net_tls_connect(struct net_tls_client *client, const char *name, struct net_layer *below,
	struct net_layer **ret_layer, struct err *err)
{
	struct net_layer *layer;
	SSL *ssl = net_tls_begin(client->context, below, &layer, err);
	if (!ssl)
		return -1;
	if (name && !set_name(client, ssl, name))
		return give_up(layer, "no name for TLS", err);
	SSL_set_connect_state(ssl);
	*ret_layer = layer;
	return 0;
}

static bool set_dane_names(SSL *ssl, const struct net_tls_dane *dane)
{
	if (SSL_dane_enable(ssl, dane->host) != 1)
		return false;
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = 0; i < dane->reference_count; i++)
		if (SSL_add1_host(ssl, dane->references[i]) != 1)
			return false;
	return true;
}

static size_t add_dane_records(SSL *ssl, const struct net_tls_dane *dane)
{
	size_t added = 0;
	for (size_t i = 0; i < dane->record_count; i++) {
		const struct net_tls_dane_record *r = &dane->records[i];
		added += SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
				 (const unsigned char *)r->data.ptr, r->data.len) == 1;
	}
	ERR_clear_error();
	return added;
}

int net_tls_connect_dane(struct net_tls_client *client, const struct net_tls_dane *dane,
	struct net_layer *below, struct net_layer **ret_layer, struct err *err)
{
	must(!client->key);
	struct net_layer *layer;
	SSL *ssl = net_tls_begin(client->context, below, &layer, err);
	if (!ssl)
		return -1;
	if (!set_dane_names(ssl, dane))
		return give_up(layer, "no name for DANE", err);
	bool any = add_dane_records(ssl, dane) == 0;
	SSL_set_verify(ssl, any ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_set_connect_state(ssl);
	*ret_layer = layer;
	return 0;
}
