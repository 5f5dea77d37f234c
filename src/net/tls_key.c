/* TLS with a key that both ends have, instead of certificates: an external PSK (RFC 8446 section
 * 4.2.11), together with a key exchange (psk_dhe_ke), so that who learns the key one day can't read
 * what was sent before.
 *
 * The identity is the key's name, sent in the clear; that the client has the key itself is seen by
 * the binder in its first message, that the server has it by the server's answer. A key belongs to
 * one hash, hence the one cipher suite. OpenSSL takes it as the secret of a session, and wipes that
 * when it frees it; each handshake gets a session of its own. */
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <openssl/err.h>
#include <stdatomic.h>

enum { IDENTITY_MAX = 128 };

struct net_tls_key {
	atomic_uint refs;
	size_t identity_len;
	unsigned char identity[IDENTITY_MAX], key[NET_TLS_KEY_LEN];
};

int net_tls_key_new(
	struct slice identity, struct slice key, struct net_tls_key **ret_key, struct err *err)
{
	if (key.len != NET_TLS_KEY_LEN)
		return err_permanent(err, ERR_BAD_INPUT, "a TLS key has %d bytes, not %zu",
			NET_TLS_KEY_LEN, key.len);
	if (identity.len == 0 || identity.len > IDENTITY_MAX)
		return err_permanent(
			err, ERR_BAD_INPUT, "a TLS key's name has 1 to %d bytes", IDENTITY_MAX);
	struct net_tls_key *made = ALLOC(struct net_tls_key);
	atomic_init(&made->refs, 1);
	made->identity_len = identity.len;
	memcpy(made->identity, identity.ptr, identity.len);
	memcpy(made->key, key.ptr, key.len);
	*ret_key = made;
	return 0;
}

void net_tls_key_unref(struct net_tls_key *key)
{
	if (!key || atomic_fetch_sub(&key->refs, 1) != 1)
		return;
	explicit_bzero(key, sizeof(*key));
	free(key);
}

static struct net_tls_key *key_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

struct net_tls_key *net_tls_key_take(const SSL *ssl)
{
	struct net_tls_key *key = key_of(ssl);
	if (key)
		(void)atomic_fetch_add(&key->refs, 1);
	return key;
}

/* NULL when there is no memory. */
static SSL_SESSION *new_session(SSL *ssl, const struct net_tls_key *key)
{
	static const unsigned char AES_128_GCM_SHA256[] = {0x13, 0x01};
	SSL_SESSION *session = SSL_SESSION_new();
	if (session && SSL_SESSION_set1_master_key(session, key->key, sizeof(key->key)) == 1 &&
		SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, AES_128_GCM_SHA256)) == 1 &&
		SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* The server's half: a client names a key. */
static int on_named(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **ret_session)
{
	struct net_tls_key *key = key_of(ssl);
	*ret_session = NULL;
	(void)SSL_set_app_data(ssl, key); /* for net_tls_key_failure(): it did name one */
	if (!slice_eq(slice(identity, len), slice(key->identity, key->identity_len)))
		return 1;
	*ret_session = new_session(ssl, key);
	return *ret_session != NULL;
}

/* The client's half: OpenSSL asks what to offer. */
static int on_asked(SSL *ssl, const EVP_MD *hash, const unsigned char **ret_identity,
	size_t *ret_len, SSL_SESSION **ret_session)
{
	struct net_tls_key *key = key_of(ssl);
	*ret_identity = key->identity;
	*ret_len = key->identity_len;
	*ret_session = new_session(ssl, key);
	return *ret_session != NULL;
}

/* A server that goes on without the key must show a certificate. None is good enough. */
static int refuse_certificate(X509_STORE_CTX *store, void *context)
{
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

static SSL_CTX *new_context(struct net_tls_key *key, const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);
	must(context);
	net_tls_context_common(context);
	must(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
	must(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1);
	/* Resuming would spare nothing: there are no certificates to send and check. */
	(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	must(SSL_CTX_set_num_tickets(context, 0) == 1);
	SSL_CTX_set_keylog_callback(context, net_tls_on_secret); /* no log: see there */
	(void)SSL_CTX_set_app_data(context, key);
	return context;
}

SSL_CTX *net_tls_key_server(struct net_tls_key *key)
{
	SSL_CTX *context = new_context(key, TLS_server_method());
	SSL_CTX_set_psk_find_session_callback(context, on_named);
	return context;
}

SSL_CTX *net_tls_key_client(struct net_tls_key *key)
{
	SSL_CTX *context = new_context(key, TLS_client_method());
	SSL_CTX_set_psk_use_session_callback(context, on_asked);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(context, refuse_certificate, NULL);
	return context;
}

static const char *words_for(const SSL *ssl, int reason)
{
	switch (reason) {
	case SSL_R_BINDER_DOES_NOT_VERIFY:
		return "the client has another key";
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: /* of the certificates there are not */
		return SSL_get_app_data(ssl) ? "the client names a key that is not known here"
					     : "the client has no key";
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER: /* OpenSSL's answer to a wrong binder */
	case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:     /* that of others */
		return "the server has another key";
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY:
		return "the server does not know the key's name";
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		return "the server has a certificate and does not use the key";
	default:
		return NULL;
	}
}

const char *net_tls_key_failure(const SSL *ssl)
{
	return words_for(ssl, ERR_GET_REASON(ERR_peek_error()));
}
