/* TLS as a layer. OpenSSL reads and writes through a BIO that calls the layer below.
 *
 * A connection leaves OpenSSL once a TLS 1.3 handshake is done: a layer of records
 * (layer_record.c) takes this one's place, which spares 14 KiB for as long as the connection lasts.
 * It needs the two traffic secrets, which OpenSSL tells to whoever wants to write a key log, and
 * how many records went out under our own: a server's session tickets. Nothing that was read may
 * stay behind in OpenSSL, so during the handshake it gets no more than it asks for, and what came
 * together with the peer's last message waits here: so do a server's tickets and first words. */
#include "net/layer.h"
#include "net/tls_internal.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/must.h"

#include <openssl/err.h>
#include <pthread.h>

enum { HANDSHAKE_READ = 4096 };

struct tls_layer {
	struct net_layer layer;
	SSL *ssl;
	struct net_tls_info *info;     /* made when asked for */
	struct tls_handover *handover; /* NULL: stays with OpenSSL, and after the handshake */
	struct buf in;                 /* read ahead in the handshake */
	size_t in_at;
	struct net_tls_set *set;                     /* the server's half: SNI looks in it */
	const struct net_tls_challenges *challenges; /* NULL: none are answered */
	struct net_tls_key *key; /* held for the handshake; NULL: certificates */
	bool below_ended;        /* for OpenSSL's question after the end of the stream */
	bool broken;             /* after a fatal error OpenSSL must not be called */
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

static size_t input_left(const struct tls_layer *tls)
{
	return tls->in.len - tls->in_at;
}

/* One recv() for all that is there, though OpenSSL asks for little at a time. */
static ssize_t read_ahead(struct tls_layer *tls)
{
	struct net_layer *below = tls->layer.below;
	buf_clear(&tls->in);
	tls->in_at = 0;
	char *room = buf_reserve(&tls->in, HANDSHAKE_READ);
	if (!room)
		return NET_LAYER_BROKEN;
	ssize_t got = below->ops->read(below, room, HANDSHAKE_READ);
	tls->in.len = got > 0 ? (size_t)got : 0;
	return got;
}

static int bio_read(BIO *bio, char *to, int len)
{
	struct tls_layer *tls = BIO_get_data(bio);
	ssize_t got = 1;
	if (input_left(tls) == 0 && tls->handover)
		got = read_ahead(tls);
	else if (input_left(tls) == 0)
		got = tls->layer.below->ops->read(tls->layer.below, to, (size_t)len);
	if (got > 0 && input_left(tls) > 0) {
		got = (ssize_t)MIN(input_left(tls), (size_t)len);
		memcpy(to, tls->in.data + tls->in_at, (size_t)got);
		tls->in_at += (size_t)got;
	}
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

static void tls_free(struct net_layer *layer)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	struct net_layer *below = layer->below;
	SSL_free(tls->ssl);
	net_tls_set_unref(tls->set);
	net_tls_key_unref(tls->key);
	tls_handover_free(tls->handover);
	buf_free(&tls->in);
	free(tls->info);
	free(tls);
	if (below)
		below->ops->free(below);
}

void net_tls_on_secret(const SSL *ssl, const char *line)
{
	struct tls_layer *tls = BIO_get_data(SSL_get_rbio(ssl));
	if (tls->handover)
		tls_handover_secret(tls->handover, line);
}

int net_tls_on_hello(SSL *ssl, int *ret_alert, void *context)
{
	const struct tls_layer *tls = BIO_get_data(SSL_get_rbio(ssl));
	return tls->challenges ? net_tls_challenge_hello(ssl, tls->challenges, ret_alert)
			       : SSL_CLIENT_HELLO_SUCCESS;
}

static void on_message(int written, int version, int content, const void *bytes, size_t len,
	SSL *ssl, void *context)
{
	struct tls_layer *tls = context;
	if (written && content == SSL3_RT_HEADER && tls->handover)
		tls_handover_record(tls->handover);
}

/* The handshake is done. Puts a layer of records in this one's place, where that can be. */
static void hand_over(struct tls_layer *tls, struct net_layer **place)
{
	struct slice input = slice(tls->in.data + tls->in_at, input_left(tls));
	struct net_layer *records =
		tls_handover_finish(tls->handover, tls->ssl, input, tls->layer.below);
	if (records) {
		*place = records;
		/* The connection goes on: its ticket stays good. */
		SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		tls->layer.below = NULL;
		tls_free(&tls->layer);
		return;
	}
	tls_handover_free(tls->handover);
	tls->handover = NULL;
	SSL_set_msg_callback(tls->ssl, NULL);
	SSL_set_read_ahead(tls->ssl, 1);
}

/* Why the handshake failed, as OpenSSL's queue and a certificate's checks have it; the queue is
 * empty then. */
static int explain(SSL *ssl, bool has_key, struct err *err)
{
	const char *of_key = has_key ? net_tls_key_failure(ssl) : NULL;
	long verified = SSL_get_verify_result(ssl);
	bool of_certificate = !has_key && !SSL_is_server(ssl) && verified != X509_V_OK;
	if (ERR_peek_error() == 0)
		return err_temporary(err, ERR_UNAVAILABLE, "the peer left the TLS handshake");
	if (!of_key && !of_certificate)
		return net_tls_error(err, ERR_TEMPORARY, "TLS handshake failed");
	ERR_clear_error();
	if (of_key)
		return err_temporary(err, ERR_DENIED, "%s", of_key);
	return err_temporary(err, ERR_DENIED, "the server's certificate: %s",
		X509_verify_cert_error_string(verified));
}

static int tls_handshake(struct net_layer **layer, struct err *err)
{
	struct tls_layer *tls = (struct tls_layer *)*layer;
	if (tls->broken)
		return err_temporary(err, ERR_OTHER, "TLS handshake failed before");
	ERR_clear_error();
	int result = SSL_do_handshake(tls->ssl);
	if (result == 1 && tls->key && !SSL_session_reused(tls->ssl)) {
		tls->broken = true;
		return err_temporary(err, ERR_DENIED, "the key was not used");
	}
	if (result == 1) {
		if (tls->handover)
			hand_over(tls, layer);
		return 0;
	}
	int why = failure(tls, result);
	if (why == NET_LAYER_WANT_READ || why == NET_LAYER_WANT_WRITE)
		return why;
	tls->broken = true;
	return explain(tls->ssl, tls->key != NULL, err);
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
	return layer->below->ops->may_read(layer->below) || input_left(tls) > 0 ||
	       SSL_has_pending(tls->ssl);
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

static int tls_finish(struct net_layer *layer)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	if (tls->broken || SSL_in_init(tls->ssl))
		return 0;
	ERR_clear_error();
	int said = SSL_shutdown(tls->ssl);
	bool again = said < 0 && SSL_get_error(tls->ssl, said) == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return again ? NET_LAYER_WANT_WRITE : 0;
}

static const struct net_tls_info *tls_info(struct net_layer *layer)
{
	struct tls_layer *tls = (struct tls_layer *)layer;
	if (!tls->info)
		tls->info = net_tls_info_new(tls->ssl);
	return tls->info;
}

static const struct net_layer_ops TLS_OPS = {
	.handshake = tls_handshake,
	.read = tls_read,
	.may_read = tls_may_read,
	.write = tls_write,
	.finish = tls_finish,
	.free = tls_free,
	.tls_info = tls_info,
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
	*tls = (struct tls_layer){
		.layer = {.ops = &TLS_OPS, .below = below},
		.ssl = ssl,
		.in = BUF(HANDSHAKE_READ),
		.key = net_tls_key_take(ssl),
	};
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return tls;
}

/* It is to leave OpenSSL after the handshake. */
static void prepare_handover(struct tls_layer *tls, bool is_client)
{
	tls->handover = tls_handover_new(is_client);
	SSL_set_msg_callback(tls->ssl, on_message);
	SSL_set_msg_callback_arg(tls->ssl, tls);
}

int net_tls_serve(struct net_tls_slot *slot, struct net_layer *below, struct net_layer **ret_layer,
	struct err *err)
{
	struct net_tls_set *set = net_tls_slot_take(slot);
	if (!set)
		return err_temporary(err, ERR_UNAVAILABLE, "no certificate or key is loaded");
	struct tls_layer *tls = new_layer(net_tls_set_context(set), below, err);
	if (!tls) {
		net_tls_set_unref(set);
		return -1;
	}
	tls->set = set;
	tls->challenges = net_tls_slot_challenges(slot);
	prepare_handover(tls, false);
	SSL_set_accept_state(tls->ssl);
	*ret_layer = &tls->layer;
	return 0;
}

SSL *net_tls_begin(
	SSL_CTX *context, struct net_layer *below, struct net_layer **ret_layer, struct err *err)
{
	struct tls_layer *tls = new_layer(context, below, err);
	if (!tls)
		return NULL;
	prepare_handover(tls, true);
	*ret_layer = &tls->layer;
	return tls->ssl;
}
