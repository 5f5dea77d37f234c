/* TLS: at once and by STARTTLS, names, certificates that change. */
#include "net/test_server.h"

#include "base/alloc.h"
#include "base/test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static void both_versions_serve_at_once(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect_tls(server->tls_at_once, "a.example", TLS1_3_VERSION);
	assert_line(peer, "hello");
	test_send(peer, "SNI\r\nBINDING\r\nSECURE\r\n");
	assert_line(peer, "TLSv1.3 a.example");
	assert_line(peer, "32 32");
	assert_line(peer, "yes");
	test_close(peer);
	peer = test_connect_tls(server->tls_at_once, NULL, TLS1_2_VERSION);
	assert_line(peer, "hello");
	test_send(peer, "SNI\r\nBINDING\r\nQUIT\r\n");
	assert_line(peer, "TLSv1.2 ");
	assert_line(peer, "0 32");
	assert_line(peer, "bye");
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void old_versions_are_refused(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->tls_at_once);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(context, 0);
	(void)SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	(void)SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	SSL *ssl = SSL_new(context);
	(void)SSL_set_fd(ssl, peer->fd);
	assert_true(SSL_connect(ssl) <= 0);
	assert_int_equal(atomic_load(&server->opened), 0);
	SSL_free(ssl);
	SSL_CTX_free(context);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void starttls_secures_a_session(void **state)
{
	int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct test_server *server = test_server_start(NULL);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct test_peer *peer = test_connect(server->plain);
		assert_line(peer, "hello");
		test_send(peer, "SNI\r\nSTARTTLS\r\n");
		assert_line(peer, "none");
		assert_line(peer, "go");
		test_start_tls(peer, "b.example", versions[i]);
		test_send(peer, "SNI\r\nSTARTTLS\r\n");
		assert_line(peer, i == 0 ? "TLSv1.2 b.example" : "TLSv1.3 b.example");
		assert_line(peer, "what");
		test_close(peer);
	}
	test_server_stop(server, 1000);
}

static void input_before_the_handshake_is_thrown_away(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "STARTTLS\r\nECHO injected\r\nECHO part");
	assert_line(peer, "go");
	test_start_tls(peer, NULL, TLS1_3_VERSION);
	test_send(peer, "ECHO own\r\n");
	assert_line(peer, "own");
	test_close(peer);
	test_server_stop(server, 1000);
}

static void plain_text_in_place_of_a_handshake_is_never_run(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = test_connect(server->plain);
	assert_line(peer, "hello");
	test_send(peer, "STARTTLS\r\n");
	assert_line(peer, "go");
	unsigned runs = atomic_load(&server->runs);
	test_send(peer, "ECHO injected\r\nECHO injected\r\n");
	while (!peer->ended) {
		const char *line = test_line(peer);
		assert_null(strstr(line, "injected"));
	}
	assert_int_equal(atomic_load(&server->runs), runs);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void assert_name(struct test_server *server, const char *sni, const char *expected)
{
	char name[64];
	struct test_peer *peer = test_connect_tls(server->tls_at_once, sni, TLS1_3_VERSION);
	test_server_name(peer, name);
	assert_string_equal(name, expected);
	test_close(peer);
}

static void the_certificate_is_chosen_by_name(void **state)
{
	struct test_server *server = test_server_start(NULL);
	test_server_certificate(server, "default.example", NULL, "mail.example");
	assert_name(server, NULL, "default.example");
	assert_name(server, "MAIL.example", "mail.example");
	assert_name(server, "x.mail.example", "default.example");
	assert_name(server, "mail.example.net", "default.example");
	test_server_certificate(server, "default.example", NULL, "*.mail.example");
	assert_name(server, "x.mail.example", "*.mail.example");
	assert_name(server, "x.y.mail.example", "default.example");
	assert_name(server, "mail.example", "default.example");
	test_server_certificate(server, "first.example", "first.example", "second.example");
	assert_name(server, "other.example", "first.example");
	test_server_stop(server, 1000);
}

static void certificates_change_while_connections_go_on(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *old = test_connect_tls(server->tls_at_once, NULL, TLS1_3_VERSION);
	struct test_peer *between = test_connect(server->plain);
	assert_line(old, "hello");
	assert_line(between, "hello");
	test_server_certificate(server, "new.example", NULL, NULL);
	assert_name(server, NULL, "new.example");
	test_send(old, "ECHO still\r\nBINDING\r\n");
	assert_line(old, "still");
	assert_line(old, "32 32");
	test_send(between, "STARTTLS\r\n");
	assert_line(between, "go");
	test_start_tls(between, NULL, TLS1_3_VERSION);
	char name[64];
	test_server_name(between, name);
	assert_string_equal(name, "new.example");
	test_close(between);
	test_close(old);
	test_server_stop(server, 1000);
}

static void bad_certificates_leave_the_old_ones(void **state)
{
	struct test_server *server = test_server_start(NULL);
	char *chain, *key, *other_chain, *other_key;
	struct err err;
	assert_int_equal(net_tls_self_signed("x.example", &chain, &key, NULL), 0);
	assert_int_equal(net_tls_self_signed("y.example", &other_chain, &other_key, NULL), 0);
	struct net_tls_certificate bad[] = {
		{.chain_pem = slice_str(chain), .key_pem = slice_str(key)},
		{.chain_pem = slice_str(chain), .key_pem = slice_str(other_key)},
	};
	assert_true(net_tls_slot_set(server->tls, bad, 2, &err) < 0);
	assert_true(strstr(err.text, "certificate 2") != NULL);
	bad[0].chain_pem = SLICE("no PEM at all");
	assert_true(net_tls_slot_set(server->tls, bad, 1, &err) < 0);
	assert_true(net_tls_slot_set(server->tls, bad, 0, &err) < 0);
	assert_name(server, NULL, "one.example");
	free(chain);
	free(key);
	free(other_chain);
	free(other_key);
	test_server_stop(server, 1000);
}

/* One handshake that offers `session`; returns a new one to offer. */
static SSL_SESSION *resume(struct test_server *server, SSL_SESSION *session, bool *ret_resumed)
{
	struct test_peer *peer = test_connect(server->tls_at_once);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	peer->context = context;
	peer->ssl = SSL_new(context);
	assert_int_equal(SSL_set_fd(peer->ssl, peer->fd), 1);
	if (session)
		assert_int_equal(SSL_set_session(peer->ssl, session), 1);
	assert_int_equal(SSL_connect(peer->ssl), 1);
	assert_line(peer, "hello"); /* the ticket has come by then */
	*ret_resumed = SSL_session_reused(peer->ssl);
	SSL_SESSION *next = SSL_get1_session(peer->ssl);
	(void)SSL_shutdown(peer->ssl);
	test_close(peer);
	return next;
}

static void sessions_are_resumed_by_tickets(void **state)
{
	struct test_server *server = test_server_start(NULL);
	bool resumed;
	SSL_SESSION *first = resume(server, NULL, &resumed);
	assert_false(resumed);
	SSL_SESSION *second = resume(server, first, &resumed);
	assert_true(resumed);
	SSL_SESSION_free(first);
	SSL_SESSION_free(second);
	test_server_stop(server, 1000);
}

static void self_signed_names_are_checked(void **state)
{
	char *chain, *key;
	struct err err;
	assert_true(net_tls_self_signed("", &chain, &key, &err) < 0);
	assert_true(net_tls_self_signed("a,DNS:b", &chain, &key, &err) < 0);
	assert_int_equal(net_tls_self_signed("127.0.0.1", &chain, &key, &err), 0);
	BIO *bio = BIO_new_mem_buf(chain, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(cert);
	assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
	X509_free(cert);
	BIO_free(bio);
	free(chain);
	free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_serve_at_once),
		cmocka_unit_test(old_versions_are_refused),
		cmocka_unit_test(starttls_secures_a_session),
		cmocka_unit_test(input_before_the_handshake_is_thrown_away),
		cmocka_unit_test(plain_text_in_place_of_a_handshake_is_never_run),
		cmocka_unit_test(the_certificate_is_chosen_by_name),
		cmocka_unit_test(certificates_change_while_connections_go_on),
		cmocka_unit_test(bad_certificates_leave_the_old_ones),
		cmocka_unit_test(sessions_are_resumed_by_tickets),
		cmocka_unit_test(self_signed_names_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
