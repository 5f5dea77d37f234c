/* A client's TLS 1.3 without OpenSSL's state: OpenSSL as the server, and records made by hand. */
#include "net/layer.h"
#include "net/tls.h"
#include "net/tls_internal.h"
#include "net/tls_record.h"

#include "base/test.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICKET_EXTRA = 3000, SMALL_RECORDS = 512 };

struct fixture {
	struct net_tls_client *client;
	struct net_socket socket;
	struct net_layer *top;
	const struct net_layer_ops *openssl; /* before the handshake */
	SSL_CTX *context;
	SSL *server;
	int server_fd;
};

static int make_ticket_long(SSL *ssl, void *context)
{
	static const char EXTRA[TICKET_EXTRA] = {1};
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), EXTRA, sizeof(EXTRA));
}

static SSL_TICKET_RETURN take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
	size_t name_len, SSL_TICKET_STATUS status, void *context)
{
	return SSL_TICKET_RETURN_IGNORE;
}

static void load_certificate(SSL_CTX *context)
{
	char *chain, *key;
	assert_int_equal(net_tls_self_signed("one.example", &chain, &key, NULL), 0);
	BIO *chain_bio = BIO_new_mem_buf(chain, -1), *key_bio = BIO_new_mem_buf(key, -1);
	X509 *certificate = PEM_read_bio_X509(chain_bio, NULL, NULL, NULL);
	EVP_PKEY *private_key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, private_key), 1);
	X509_free(certificate);
	EVP_PKEY_free(private_key);
	BIO_free(chain_bio);
	BIO_free(key_bio);
	free(chain);
	free(key);
}

static struct fixture begin(void)
{
	struct fixture f = {.context = SSL_CTX_new(TLS_server_method())};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	load_certificate(f.context);
	f.server = SSL_new(f.context);
	f.server_fd = fds[0];
	assert_int_equal(SSL_set_fd(f.server, fds[0]), 1);
	f.socket.fd = fds[1];
	return f;
}

/* Both sides' handshakes, with what the server was told before. */
static void shake(struct fixture *f)
{
	struct err err;
	int client = NET_LAYER_WANT_READ, server = 0;
	if (!f->client)
		assert_int_equal(net_tls_client_new(NULL, false, &f->client, NULL), 0);
	net_socket_init(&f->socket, f->socket.fd);
	assert_int_equal(
		net_tls_connect(f->client, "one.example", &f->socket.layer, &f->top, &err), 0);
	f->openssl = f->top->ops;
	for (int i = 0; i < 10 && (client != 0 || server != 1); i++) {
		f->socket.dry = false;
		if (client == NET_LAYER_WANT_READ)
			client = f->top->ops->handshake(&f->top, &err);
		if (server != 1)
			server = SSL_accept(f->server);
	}
	assert_int_equal(client, 0);
	assert_int_equal(server, 1);
}

static void end(struct fixture *f)
{
	f->top->ops->free(f->top);
	(void)close(f->socket.fd);
	SSL_free(f->server);
	SSL_CTX_free(f->context);
	(void)close(f->server_fd);
	net_tls_client_free(f->client);
}

static ssize_t client_read(struct fixture *f, char *to, size_t len)
{
	f->socket.dry = false;
	return f->top->ops->read(f->top, to, len);
}

static void assert_carries(struct fixture *f)
{
	char got[16];
	assert_int_equal(SSL_write(f->server, "down", 4), 4);
	assert_int_equal(client_read(f, got, sizeof(got)), 4);
	assert_memory_equal(got, "down", 4);
	assert_int_equal(f->top->ops->write(f->top, "up", 2), 2);
	assert_int_equal(SSL_read(f->server, got, sizeof(got)), 2);
	assert_memory_equal(got, "up", 2);
}

static void every_cipher_suite_leaves_openssl(void **state)
{
	const char *suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct fixture f = begin();
		assert_int_equal(SSL_set_ciphersuites(f.server, suites[i]), 1);
		shake(&f);
		assert_ptr_not_equal(f.top->ops, f.openssl);
		for (int k = 0; k < 3; k++)
			assert_carries(&f);
		const struct net_tls_info *info = net_layer_tls_info(f.top);
		assert_string_equal(info->version, "TLSv1.3");
		assert_string_equal(info->cipher, suites[i]);
		assert_string_equal(info->sni, "one.example");
		assert_int_equal(info->exporter.len, 32);
		assert_int_equal(info->server_end_point.len, 32);
		end(&f);
	}
}

static void what_is_wrong_with_the_certificate_is_known_afterwards(void **state)
{
	struct fixture f = begin();
	assert_int_equal(net_tls_client_new_lenient(NULL, &f.client, NULL), 0);
	shake(&f);
	assert_ptr_not_equal(f.top->ops, f.openssl);
	assert_int_equal(net_layer_tls_info(f.top)->trouble, NET_TLS_UNTRUSTED);
	assert_non_null(net_layer_tls_info(f.top)->trouble_words);
	end(&f);
}

static void a_server_of_tls_12_stays_with_openssl(void **state)
{
	struct fixture f = begin();
	assert_int_equal(SSL_set_max_proto_version(f.server, TLS1_2_VERSION), 1);
	shake(&f);
	assert_ptr_equal(f.top->ops, f.openssl);
	assert_carries(&f);
	assert_carries(&f);
	end(&f);
}

static void a_server_may_ask_for_a_certificate(void **state)
{
	struct fixture f = begin();
	SSL_set_verify(f.server, SSL_VERIFY_PEER, NULL);
	shake(&f);
	assert_ptr_not_equal(f.top->ops, f.openssl);
	assert_carries(&f);
	end(&f);
}

static void tickets_are_dropped(void **state)
{
	for (int is_long = 0; is_long < 2; is_long++) {
		struct fixture f = begin();
		if (is_long) { /* each goes over several records */
			assert_int_equal(SSL_CTX_set_session_ticket_cb(
						 f.context, make_ticket_long, take_ticket, NULL),
				1);
			assert_int_equal(SSL_set_max_send_fragment(f.server, SMALL_RECORDS), 1);
		}
		assert_int_equal(SSL_set_num_tickets(f.server, 3), 1);
		shake(&f);
		assert_ptr_not_equal(f.top->ops, f.openssl);
		char got[16];
		assert_int_equal(client_read(&f, got, sizeof(got)), NET_LAYER_WANT_READ);
		assert_carries(&f);
		for (int i = 0; i < 40; i++) { /* and later ones */
			assert_int_equal(SSL_new_session_ticket(f.server), 1);
			assert_carries(&f);
		}
		end(&f);
	}
}

static void keys_are_updated_when_the_server_asks(void **state)
{
	struct fixture f = begin();
	shake(&f);
	for (int i = 0; i < 6; i++) {
		int kind = i % 2 ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED;
		assert_int_equal(SSL_key_update(f.server, kind), 1);
		assert_int_equal(SSL_do_handshake(f.server), 1);
		if (i % 3 == 0) { /* it is answered without anything else to say */
			char got[16];
			assert_int_equal(client_read(&f, got, sizeof(got)), NET_LAYER_WANT_READ);
		}
		assert_carries(&f);
	}
	end(&f);
}

/* The server's first words come with the end of its handshake, before ours has ended. */
static void data_behind_the_servers_handshake_arrives(void **state)
{
	struct fixture f = begin();
	size_t written;
	char got[32];
	struct err err;
	assert_int_equal(net_tls_client_new(NULL, false, &f.client, NULL), 0);
	net_socket_init(&f.socket, f.socket.fd);
	assert_int_equal(net_tls_connect(f.client, NULL, &f.socket.layer, &f.top, &err), 0);
	assert_int_equal(f.top->ops->handshake(&f.top, &err), NET_LAYER_WANT_READ);
	SSL_set_accept_state(f.server);
	(void)SSL_read_early_data(f.server, got, sizeof(got), &written);
	assert_int_equal(SSL_write_early_data(f.server, "220 early\r\n", 11, &written), 1);
	f.socket.dry = false;
	assert_int_equal(f.top->ops->handshake(&f.top, &err), 0);
	assert_int_equal(SSL_do_handshake(f.server), 1);
	assert_int_equal(f.top->ops->read(f.top, got, sizeof(got)), 11);
	assert_memory_equal(got, "220 early\r\n", 11);
	assert_carries(&f);
	end(&f);
}

/* A record layer with one secret for both directions, and records by hand. */
struct by_hand {
	struct net_socket socket;
	struct net_layer *top;
	struct tls_keys keys;
	int fd;
};

static struct by_hand *start_by_hand(struct by_hand *h, bool is_client)
{
	static const struct slice SECRET = {"0123456789abcdef0123456789abcdef", 32};
	int fds[2];
	struct net_records_start start = {
		.suite = 0x1301, .in_secret = SECRET, .out_secret = SECRET, .is_client = is_client};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	net_socket_init(&h->socket, fds[0]);
	h->fd = fds[1];
	h->top = net_records_new(&start, &h->socket.layer);
	assert_non_null(h->top);
	assert_true(tls_keys_init(&h->keys, 0x1301, SECRET));
	return h;
}

static void say(struct by_hand *h, enum tls_content content, struct slice bytes)
{
	uint8_t record[TLS_RECORD_MAX];
	size_t len = tls_record_seal(&h->keys, content, bytes, record);
	assert_int_equal(send(h->fd, record, len, 0), len);
}

static void assert_comes(struct by_hand *h, ssize_t expected)
{
	char got[64];
	h->socket.dry = false;
	assert_int_equal(h->top->ops->read(h->top, got, sizeof(got)), expected);
}

static void end_by_hand(struct by_hand *h)
{
	h->top->ops->free(h->top);
	(void)close(h->socket.fd);
	(void)close(h->fd);
}

#define TICKET                                                                                     \
	"\x04\x00\x00\x05"                                                                         \
	"12345"
#define KEY_UPDATE "\x18\x00\x00\x01\x00"

static void handshake_messages_may_be_cut_anywhere(void **state)
{
	static const struct slice TWO = {TICKET TICKET, 18};
	struct by_hand h;
	for (size_t cut = 1; cut < TWO.len; cut++) {
		(void)start_by_hand(&h, true);
		say(&h, TLS_HANDSHAKE, slice_sub(TWO, 0, cut));
		say(&h, TLS_HANDSHAKE, slice_from(TWO, cut));
		say(&h, TLS_HANDSHAKE, slice(TICKET KEY_UPDATE, 14));
		tls_keys_update(&h.keys);
		say(&h, TLS_DATA, SLICE("data"));
		assert_comes(&h, 4);
		end_by_hand(&h);
	}
}

static void bad_handshake_messages_end_the_connection(void **state)
{
	static const struct {
		bool is_client;
		struct slice message;
	} bad[] = {
		{false, {TICKET, 9}},                /* a client has none */
		{true, {KEY_UPDATE "\x04", 6}},      /* something behind it */
		{true, {"\x18\x00\x00\x01\x02", 5}}, /* no such request */
		{true, {"\x18\x00\x00\x01", 4}},     /* cut */
		{true, {"\x0d\x00\x00\x05"
			"12345",
			       9}}, /* asks for a certificate */
		{true, {"\x04\xff\x00\x05"
			"12345",
			       9}}, /* far too long */
		{true, {"", 0}},
	};
	struct by_hand h;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)start_by_hand(&h, bad[i].is_client);
		say(&h, TLS_HANDSHAKE, bad[i].message);
		assert_comes(&h, NET_LAYER_BROKEN);
		end_by_hand(&h);
	}
	for (size_t cut = 1; cut < 9; cut++) { /* data in the middle of a ticket */
		(void)start_by_hand(&h, true);
		say(&h, TLS_HANDSHAKE, slice(TICKET, cut));
		say(&h, TLS_DATA, SLICE("data"));
		assert_comes(&h, NET_LAYER_BROKEN);
		end_by_hand(&h);
	}
}

static void a_goodbye_that_the_socket_does_not_take_is_said_later(void **state)
{
	struct by_hand h;
	char bytes[65536] = {0};
	(void)start_by_hand(&h, true);
	while (h.top->ops->write(h.top, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(h.top->ops->finish(h.top), NET_LAYER_WANT_WRITE);
	assert_int_equal(h.top->ops->finish(h.top), NET_LAYER_WANT_WRITE);
	while (recv(h.fd, bytes, sizeof(bytes), 0) > 0)
		;
	assert_int_equal(h.top->ops->finish(h.top), 0);
	assert_true(recv(h.fd, bytes, sizeof(bytes), 0) > 0);
	assert_int_equal(h.top->ops->finish(h.top), 0);
	assert_true(recv(h.fd, bytes, sizeof(bytes), 0) < 0);
	end_by_hand(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cipher_suite_leaves_openssl),
		cmocka_unit_test(what_is_wrong_with_the_certificate_is_known_afterwards),
		cmocka_unit_test(a_server_of_tls_12_stays_with_openssl),
		cmocka_unit_test(a_server_may_ask_for_a_certificate),
		cmocka_unit_test(tickets_are_dropped),
		cmocka_unit_test(keys_are_updated_when_the_server_asks),
		cmocka_unit_test(data_behind_the_servers_handshake_arrives),
		cmocka_unit_test(handshake_messages_may_be_cut_anywhere),
		cmocka_unit_test(bad_handshake_messages_end_the_connection),
		cmocka_unit_test(a_goodbye_that_the_socket_does_not_take_is_said_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
