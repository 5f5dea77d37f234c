/* Certificates: one SSL_CTX each, chosen by SNI; the whole set is built aside and swapped in. A key
 * is a set of one context. */
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/must.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>

enum { NAME_MAX_LEN = 253 }; /* RFC 1035 section 2.3.4 */

/* TLS 1.2: forward secrecy always, AEAD first; the CBC suites are for old mail programs. */
static const char CIPHERS_12[] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!PSK:@STRENGTH";

struct name {
	char *text; /* lower case, may begin with "*." */
	SSL_CTX *context;
};

struct net_tls_set {
	atomic_uint refs;
	SSL_CTX **contexts;
	size_t context_count;
	SSL_CTX *first; /* the default */
	struct name *names;
	size_t name_count;
	struct net_tls_key *key; /* NULL: certificates */
};

struct net_tls_slot {
	pthread_mutex_t lock;
	struct net_tls_set *set; /* guarded by lock */
	struct net_tls_challenges challenges;
};

int net_tls_error(struct err *err, enum err_class class, const char *text)
{
	char reason[160] = "no reason given";
	unsigned long code = ERR_get_error();
	if (code)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	return err_set(err, class, ERR_OTHER, __func__, "%s: %s", text, reason);
}

void net_tls_context_common(SSL_CTX *context)
{
	must(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
	must(SSL_CTX_set_cipher_list(context, CIPHERS_12) == 1);
	(void)SSL_CTX_set_options(context,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* A parked connection keeps no record buffers; partial and moving writes suit a queue. */
	(void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static SSL_CTX *find_name(const struct net_tls_set *set, const char *text)
{
	const struct name key = {.text = (char *)text};
	const struct name *found = set->name_count == 0
					   ? NULL
					   : bsearch(&key, set->names, set->name_count,
						     sizeof(*set->names), compare_names);
	return found ? found->context : NULL;
}

/* The name itself, else the wildcard for its parent domain. */
static SSL_CTX *choose(const struct net_tls_set *set, const char *sni)
{
	char text[NAME_MAX_LEN + 3];
	size_t len = strlen(sni);
	if (len > 0 && sni[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)tolower((unsigned char)sni[i]);
	text[len] = '\0';
	SSL_CTX *found = find_name(set, text);
	char *dot = strchr(text, '.');
	if (!found && dot && dot > text) {
		dot[-1] = '*';
		found = find_name(set, dot - 1);
	}
	return found;
}

/* Runs in a handshake whose layer holds a reference to the set. */
static int on_sni(SSL *ssl, int *alert, void *context)
{
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *chosen = sni ? choose(context, sni) : NULL;
	if (!chosen)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_get_SSL_CTX(ssl) != chosen)
		(void)SSL_set_SSL_CTX(ssl, chosen);
	return SSL_TLSEXT_ERR_OK;
}

/* A key with a pass phrase is refused, rather than asked for on a terminal. */
static int no_password(char *to, int size, int writing, void *context)
{
	return -1;
}

static int load_chain(SSL_CTX *context, struct slice pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)MIN(pem.len, (size_t)INT32_MAX));
	must(bio);
	X509 *leaf = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	int done = leaf ? SSL_CTX_use_certificate(context, leaf) : 0;
	X509_free(leaf);
	for (X509 *more; done == 1 && (more = PEM_read_bio_X509(bio, NULL, no_password, NULL));)
		if (SSL_CTX_add0_chain_cert(context, more) != 1) {
			X509_free(more);
			done = 0;
		}
	BIO_free(bio);
	if (done != 1)
		return net_tls_error(err, ERR_PERMANENT, "cannot use the certificate");
	ERR_clear_error(); /* the end of the text counts as an error there */
	return 0;
}

static int load_key(SSL_CTX *context, struct slice pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)MIN(pem.len, (size_t)INT32_MAX));
	must(bio);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	int done = key ? SSL_CTX_use_PrivateKey(context, key) : 0;
	EVP_PKEY_free(key);
	if (done != 1 || SSL_CTX_check_private_key(context) != 1)
		return net_tls_error(err, ERR_PERMANENT, "cannot use the private key");
	return 0;
}

int net_tls_context_load(
	SSL_CTX *context, const struct net_tls_certificate *certificate, struct err *err)
{
	if (load_chain(context, certificate->chain_pem, err) < 0)
		return -1;
	return load_key(context, certificate->key_pem, err);
}

static SSL_CTX *new_context(
	struct net_tls_set *set, const struct net_tls_certificate *certificate, struct err *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	must(context);
	net_tls_context_common(context);
	(void)SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Sessions are resumed by tickets, so the server keeps no table of them. */
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	must(SSL_CTX_set_session_id_context(context, (const unsigned char *)"rookery", 7) == 1);
	must(SSL_CTX_set_num_tickets(context, 1) == 1);
	SSL_CTX_set_keylog_callback(context, net_tls_on_secret); /* no log: see there */
	(void)SSL_CTX_set_tlsext_servername_callback(context, on_sni);
	(void)SSL_CTX_set_tlsext_servername_arg(context, set);
	SSL_CTX_set_client_hello_cb(context, net_tls_on_hello, NULL);
	if (net_tls_context_load(context, certificate, err) == 0)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static void add_names(
	struct net_tls_set *set, const struct net_tls_certificate *certificate, SSL_CTX *context)
{
	set->names = alloc_resize(
		set->names, set->name_count + certificate->name_count + 1, sizeof(*set->names));
	for (size_t i = 0; i < certificate->name_count; i++) {
		char *text = slice_dup(certificate->names[i]);
		for (char *c = text; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		set->names[set->name_count++] = (struct name){text, context};
	}
}

void net_tls_set_unref(struct net_tls_set *set)
{
	if (!set || atomic_fetch_sub(&set->refs, 1) != 1)
		return;
	for (size_t i = 0; i < set->context_count; i++)
		SSL_CTX_free(set->contexts[i]);
	for (size_t i = 0; i < set->name_count; i++)
		free(set->names[i].text);
	net_tls_key_unref(set->key);
	free(set->contexts);
	free(set->names);
	free(set);
}

static struct net_tls_set *new_set(size_t contexts)
{
	struct net_tls_set *set = ALLOC(struct net_tls_set);
	atomic_init(&set->refs, 1);
	set->contexts = alloc_zero(contexts, sizeof(SSL_CTX *));
	return set;
}

static struct net_tls_set *build(
	const struct net_tls_certificate *certificates, size_t count, struct err *err)
{
	struct net_tls_set *set = new_set(count);
	bool nameless = false;
	for (size_t i = 0; i < count; i++) {
		SSL_CTX *context = new_context(set, &certificates[i], err);
		if (!context) {
			(void)err_prefix(err, "certificate %zu", i + 1);
			net_tls_set_unref(set);
			return NULL;
		}
		set->contexts[set->context_count++] = context;
		add_names(set, &certificates[i], context);
		if (!nameless && certificates[i].name_count == 0) {
			set->first = context;
			nameless = true;
		}
	}
	if (!set->first)
		set->first = set->contexts[0];
	qsort(set->names, set->name_count, sizeof(*set->names), compare_names);
	return set;
}

struct net_tls_slot *net_tls_slot_new(void)
{
	struct net_tls_slot *slot = ALLOC(struct net_tls_slot);
	must(pthread_mutex_init(&slot->lock, NULL) == 0);
	return slot;
}

/* Owns the set. */
static void put(struct net_tls_slot *slot, struct net_tls_set *set)
{
	(void)pthread_mutex_lock(&slot->lock);
	struct net_tls_set *old = slot->set;
	slot->set = set;
	(void)pthread_mutex_unlock(&slot->lock);
	net_tls_set_unref(old);
}

int net_tls_slot_set(struct net_tls_slot *slot, const struct net_tls_certificate *certificates,
	size_t count, struct err *err)
{
	if (count == 0)
		return err_permanent(err, ERR_BAD_INPUT, "no certificate");
	struct net_tls_set *set = build(certificates, count, err);
	if (!set)
		return -1;
	put(slot, set);
	return 0;
}

int net_tls_slot_set_key(
	struct net_tls_slot *slot, struct slice identity, struct slice key, struct err *err)
{
	struct net_tls_key *made;
	if (net_tls_key_new(identity, key, &made, err) != 0)
		return -1;
	struct net_tls_set *set = new_set(1);
	set->key = made;
	set->first = set->contexts[set->context_count++] = net_tls_key_server(made);
	put(slot, set);
	return 0;
}

void net_tls_slot_clear(struct net_tls_slot *slot)
{
	put(slot, NULL);
}

void net_tls_slot_free(struct net_tls_slot *slot)
{
	if (!slot)
		return;
	net_tls_set_unref(slot->set);
	(void)pthread_mutex_destroy(&slot->lock);
	free(slot);
}

void net_tls_slot_answer(struct net_tls_slot *slot, const struct net_tls_challenges *challenges)
{
	slot->challenges = *challenges;
}

const struct net_tls_challenges *net_tls_slot_challenges(const struct net_tls_slot *slot)
{
	return slot->challenges.find ? &slot->challenges : NULL;
}

struct net_tls_set *net_tls_slot_take(struct net_tls_slot *slot)
{
	(void)pthread_mutex_lock(&slot->lock);
	struct net_tls_set *set = slot->set;
	if (set)
		(void)atomic_fetch_add(&set->refs, 1);
	(void)pthread_mutex_unlock(&slot->lock);
	return set;
}

SSL_CTX *net_tls_set_context(struct net_tls_set *set)
{
	return set->first;
}
