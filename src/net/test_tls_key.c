/* TLS with a key that both ends have: two layers in one thread, and OpenSSL as the other side. */
#include "net/layer.h"
#include "net/test_server.h"

#include "base/test.h"

#include <sys/socket.h>
#include <unistd.h>

static const struct slice NAME = {"mirror", 6};
static const struct slice KEY = {"0123456789abcdef0123456789abcdef", 32};
static const struct slice OTHER_KEY = {"0123456789abcdef0123456789abcdeF", 32};

/* One end of a connection. */
struct end {
	struct net_socket socket;
	struct net_layer *top;
	const struct net_layer_ops *tls; /* before the handshake */
	int done;                        /* as handshake() returned last */
	struct err err;
};

struct ends {
	struct end server, client;
};

static struct net_tls_slot *slot_with(struct slice name, struct slice key)
{
	struct net_tls_slot *slot = net_tls_slot_new();
	assert_int_equal(net_tls_slot_set_key(slot, name, key, NULL), 0);
	return slot;
}

static struct net_tls_client *client_with(struct slice name, struct slice key)
{
	struct net_tls_client *client;
	assert_int_equal(net_tls_client_new_key(name, key, &client, NULL), 0);
	return client;
}

static void init(struct ends *ends, struct net_tls_slot *slot, struct net_tls_client *client)
{
	int fds[2];
	*ends = (struct ends){
		.server.done = NET_LAYER_WANT_READ, .client.done = NET_LAYER_WANT_READ};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	net_socket_init(&ends->server.socket, fds[0]);
	net_socket_init(&ends->client.socket, fds[1]);
	ends->server.top = &ends->server.socket.layer;
	ends->client.top = &ends->client.socket.layer;
	assert_int_equal(net_tls_serve(slot, ends->server.top, &ends->server.top, NULL), 0);
	assert_int_equal(
		net_tls_connect(client, NULL, ends->client.top, &ends->client.top, NULL), 0);
	ends->server.tls = ends->server.top->ops;
	ends->client.tls = ends->client.top->ops;
}

static void deinit(struct ends *ends)
{
	ends->server.top->ops->free(ends->server.top);
	ends->client.top->ops->free(ends->client.top);
	(void)close(ends->server.socket.fd);
	(void)close(ends->client.socket.fd);
}

static void shake(struct end *end)
{
	end->socket.dry = false;
	if (end->done == NET_LAYER_WANT_READ)
		end->done = end->top->ops->handshake(&end->top, &end->err);
}

/* To its end at both sides. */
static void shake_both(struct ends *ends)
{
	for (int i = 0; i < 4; i++) {
		shake(&ends->client);
		shake(&ends->server);
	}
	assert_int_not_equal(ends->client.done, NET_LAYER_WANT_READ);
	assert_int_not_equal(ends->server.done, NET_LAYER_WANT_READ);
}

static void assert_carries(struct end *from, struct end *to, const char *text)
{
	char got[64];
	struct slice bytes = slice_str(text);
	assert_int_equal(from->top->ops->write(from->top, bytes.ptr, bytes.len), bytes.len);
	to->socket.dry = false;
	ssize_t len = to->top->ops->read(to->top, got, sizeof(got));
	assert_true(len > 0);
	assert_slice(slice(got, (size_t)len), text);
}

static void a_key_serves_both_ends_without_openssls_state(void **state)
{
	struct net_tls_slot *slot = slot_with(NAME, KEY);
	struct net_tls_client *client = client_with(NAME, KEY);
	struct ends ends;
	init(&ends, slot, client);
	shake_both(&ends);
	assert_int_equal(ends.server.done, 0);
	assert_int_equal(ends.client.done, 0);
	/* Records stand in TLS's place, at both. */
	assert_ptr_not_equal(ends.server.top->ops, ends.server.tls);
	assert_ptr_equal(ends.client.top->ops, ends.server.top->ops);
	assert_carries(&ends.client, &ends.server, "one");
	assert_carries(&ends.server, &ends.client, "two");
	assert_carries(&ends.server, &ends.client, "three");
	assert_carries(&ends.client, &ends.server, "four");
	const struct net_tls_info *info = net_layer_tls_info(ends.server.top);
	const struct net_tls_info *same = net_layer_tls_info(ends.client.top);
	assert_string_equal(info->version, "TLSv1.3");
	assert_string_equal(info->cipher, "TLS_AES_128_GCM_SHA256");
	assert_int_equal(info->exporter.len, 32);
	assert_true(slice_eq(info->exporter, same->exporter));
	assert_int_equal(info->server_end_point.len, 0);
	assert_int_equal(ends.client.top->ops->finish(ends.client.top), 0);
	ends.server.socket.dry = false;
	assert_int_equal(ends.server.top->ops->read(ends.server.top, &(char){0}, 1), 0);
	deinit(&ends);
	net_tls_client_free(client);
	net_tls_slot_free(slot);
}

/* What a client sends together with the end of its handshake is handed on too. */
static void data_right_behind_the_handshake_arrives(void **state)
{
	struct net_tls_slot *slot = slot_with(NAME, KEY);
	struct net_tls_client *client = client_with(NAME, KEY);
	struct ends ends;
	init(&ends, slot, client);
	shake(&ends.client);
	shake(&ends.server);
	shake(&ends.client);
	assert_int_equal(ends.client.done, 0);
	assert_int_equal(ends.client.top->ops->write(ends.client.top, "early", 5), 5);
	shake(&ends.server);
	assert_int_equal(ends.server.done, 0);
	assert_carries(&ends.server, &ends.client, "answer");
	char got[8];
	assert_int_equal(ends.server.top->ops->read(ends.server.top, got, sizeof(got)), 5);
	assert_memory_equal(got, "early", 5);
	deinit(&ends);
	net_tls_client_free(client);
	net_tls_slot_free(slot);
}

/* The key is held by who has begun a handshake. */
static void a_handshake_outlives_its_key(void **state)
{
	struct net_tls_slot *slot = slot_with(NAME, KEY);
	struct net_tls_client *client = client_with(NAME, KEY);
	struct ends ends;
	init(&ends, slot, client);
	net_tls_client_free(client);
	assert_int_equal(net_tls_slot_set_key(slot, NAME, OTHER_KEY, NULL), 0);
	net_tls_slot_free(slot);
	shake_both(&ends);
	assert_int_equal(ends.server.done, 0);
	assert_carries(&ends.client, &ends.server, "still");
	deinit(&ends);
}

/* The handshake fails at both sides, with these words. Frees slot and client. */
static void assert_refused(struct net_tls_slot *slot, struct net_tls_client *client,
	const char *server_words, const char *client_words)
{
	struct ends ends;
	init(&ends, slot, client);
	shake_both(&ends);
	assert_int_equal(ends.server.done, NET_LAYER_BROKEN);
	assert_int_equal(ends.client.done, NET_LAYER_BROKEN);
	assert_int_equal(ends.server.err.class, ERR_TEMPORARY);
	assert_int_equal(ends.client.err.class, ERR_TEMPORARY);
	if (server_words) {
		assert_int_equal(ends.server.err.kind, ERR_DENIED);
		assert_string_equal(ends.server.err.text, server_words);
	}
	if (client_words) {
		assert_int_equal(ends.client.err.kind, ERR_DENIED);
		assert_string_equal(ends.client.err.text, client_words);
	}
	deinit(&ends);
	net_tls_client_free(client);
	net_tls_slot_free(slot);
}

static void another_key_is_refused(void **state)
{
	assert_refused(slot_with(NAME, KEY), client_with(NAME, OTHER_KEY),
		"the client has another key", "the server has another key");
}

static void a_key_of_another_name_is_refused(void **state)
{
	assert_refused(slot_with(NAME, KEY), client_with(SLICE("mirror2"), KEY),
		"the client names a key that is not known here",
		"the server does not know the key's name");
}

static void a_client_without_key_is_refused(void **state)
{
	struct net_tls_client *client;
	assert_int_equal(net_tls_client_new(NULL, false, &client, NULL), 0);
	assert_refused(slot_with(NAME, KEY), client, "the client has no key", NULL);
}

static void a_server_with_a_certificate_is_refused(void **state)
{
	char *chain, *key;
	struct net_tls_slot *slot = net_tls_slot_new();
	assert_int_equal(net_tls_self_signed("one.example", &chain, &key, NULL), 0);
	const struct net_tls_certificate certificate = {
		.chain_pem = slice_str(chain), .key_pem = slice_str(key)};
	assert_int_equal(net_tls_slot_set(slot, &certificate, 1, NULL), 0);
	assert_refused(slot, client_with(NAME, KEY), NULL,
		"the server has a certificate and does not use the key");
	free(chain);
	free(key);
}

static void a_peer_that_leaves_is_told_from_a_wrong_key(void **state)
{
	struct net_tls_slot *slot = slot_with(NAME, KEY);
	struct net_tls_client *client = client_with(NAME, KEY);
	struct ends ends;
	init(&ends, slot, client);
	shake(&ends.client);
	assert_int_equal(shutdown(ends.server.socket.fd, SHUT_RDWR), 0);
	shake(&ends.client);
	assert_int_equal(ends.client.done, NET_LAYER_BROKEN);
	assert_int_equal(ends.client.err.kind, ERR_UNAVAILABLE);
	assert_string_equal(ends.client.err.text, "the peer left the TLS handshake");
	deinit(&ends);
	net_tls_client_free(client);
	net_tls_slot_free(slot);
}

static void an_empty_slot_serves_nobody(void **state)
{
	struct net_tls_slot *slot = slot_with(NAME, KEY);
	struct net_socket sock;
	struct net_layer *layer;
	struct err err;
	net_socket_init(&sock, -1);
	net_tls_slot_clear(slot);
	net_tls_slot_clear(slot);
	assert_true(net_tls_serve(slot, &sock.layer, &layer, &err) < 0);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_int_equal(net_tls_slot_set_key(slot, NAME, KEY, NULL), 0);
	assert_int_equal(net_tls_serve(slot, &sock.layer, &layer, &err), 0);
	layer->ops->free(layer);
	net_tls_slot_free(slot);
}

static void keys_and_names_have_their_lengths(void **state)
{
	static const char LONG[129];
	struct net_tls_slot *slot = net_tls_slot_new();
	struct net_tls_client *client;
	struct err err;
	assert_true(net_tls_slot_set_key(slot, NAME, slice_sub(KEY, 0, 31), &err) < 0);
	assert_int_equal(err.class, ERR_PERMANENT);
	assert_true(net_tls_slot_set_key(slot, SLICE_NONE, KEY, &err) < 0);
	assert_true(net_tls_client_new_key(slice(LONG, 129), KEY, &client, &err) < 0);
	assert_int_equal(err.kind, ERR_BAD_INPUT);
	net_tls_slot_free(slot);
}

/* OpenSSL's own client. */
static int offer(SSL *ssl, const EVP_MD *hash, const unsigned char **ret_name, size_t *ret_len,
	SSL_SESSION **ret_session)
{
	SSL_SESSION *session = SSL_SESSION_new();
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, (const unsigned char *)"\x13\x01");
	*ret_name = (const unsigned char *)NAME.ptr;
	*ret_len = NAME.len;
	*ret_session = session;
	return SSL_SESSION_set1_master_key(session, (const unsigned char *)KEY.ptr, KEY.len) &&
	       SSL_SESSION_set_cipher(session, cipher) &&
	       SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
}

static int count_ticket(SSL *ssl, SSL_SESSION *session)
{
	(*(int *)SSL_get_app_data(ssl))++;
	return 0;
}

/* A session of the loop; with a key exchange though the client would do without, and no ticket. */
static void openssls_client_is_served_with_forward_secrecy(void **state)
{
	struct test_server *server = test_server_start(NULL);
	int tickets = 0;
	assert_int_equal(net_tls_slot_set_key(server->tls, NAME, KEY, NULL), 0);
	struct test_peer *peer = test_connect(server->tls_at_once);
	peer->context = SSL_CTX_new(TLS_client_method());
	(void)SSL_CTX_set_options(peer->context, SSL_OP_ALLOW_NO_DHE_KEX);
	SSL_CTX_set_psk_use_session_callback(peer->context, offer);
	(void)SSL_CTX_set_session_cache_mode(peer->context, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(peer->context, count_ticket);
	peer->ssl = SSL_new(peer->context);
	(void)SSL_set_app_data(peer->ssl, &tickets);
	assert_int_equal(SSL_set_fd(peer->ssl, peer->fd), 1);
	assert_int_equal(SSL_connect(peer->ssl), 1);
	assert_true(SSL_session_reused(peer->ssl));
	EVP_PKEY *exchanged = NULL;
	assert_int_equal(SSL_get_peer_tmp_key(peer->ssl, &exchanged), 1);
	EVP_PKEY_free(exchanged);
	assert_line(peer, "hello");
	test_send(peer, "SNI\r\nBINDING\r\nBIG 100\r\nQUIT\r\n");
	assert_line(peer, "TLSv1.3 ");
	assert_line(peer, "32 0");
	assert_int_equal(test_drop(peer, 100 * 1000), 100 * 1000);
	assert_line(peer, "bye");
	assert_ended(peer);
	assert_int_equal(tickets, 0);
	test_close(peer);
	test_server_stop(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_serves_both_ends_without_openssls_state),
		cmocka_unit_test(data_right_behind_the_handshake_arrives),
		cmocka_unit_test(a_handshake_outlives_its_key),
		cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(a_key_of_another_name_is_refused),
		cmocka_unit_test(a_client_without_key_is_refused),
		cmocka_unit_test(a_server_with_a_certificate_is_refused),
		cmocka_unit_test(a_peer_that_leaves_is_told_from_a_wrong_key),
		cmocka_unit_test(an_empty_slot_serves_nobody),
		cmocka_unit_test(keys_and_names_have_their_lengths),
		cmocka_unit_test(openssls_client_is_served_with_forward_secrecy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
