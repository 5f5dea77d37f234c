/* An authority that looks by TLS whether a name is ours (RFC 8737) is shown what was made for it;
 * all others are served as ever. */
#include "net/test_server.h"

#include "base/test.h"

static const unsigned char ACME[] = "\012acme-tls/1", OTHERS[] = "\002h2\012acme-tls/1";

/* Asked about one host only. */
static int find(void *context, const char *host, char **ret_chain, char **ret_key)
{
	atomic_uint *asked = context;
	struct err err;
	(void)atomic_fetch_add(asked, 1);
	if (strcmp(host, "asked.example") != 0)
		return -1;
	return net_tls_self_signed("proof.example", ret_chain, ret_key, &err);
}

/* The CN that such a client is shown, and what protocol was chosen; false: no handshake. */
static bool look(const struct test_server *server, const char *sni, const unsigned char *alpn,
	size_t len, int version, char ret_name[64], char ret_protocol[16])
{
	struct test_peer *peer = test_connect(server->tls_at_once);
	peer->context = SSL_CTX_new(TLS_client_method());
	peer->ssl = SSL_new(peer->context);
	(void)SSL_set_min_proto_version(peer->ssl, version);
	(void)SSL_set_max_proto_version(peer->ssl, version);
	(void)SSL_set_fd(peer->ssl, peer->fd);
	if (sni)
		assert_int_equal(SSL_set_tlsext_host_name(peer->ssl, sni), 1);
	assert_int_equal(SSL_set_alpn_protos(peer->ssl, alpn, (unsigned)len), 0);
	bool done = SSL_connect(peer->ssl) == 1;
	ret_protocol[0] = '\0';
	if (done) {
		const unsigned char *chosen;
		unsigned chosen_len;
		test_server_name(peer, ret_name);
		SSL_get0_alpn_selected(peer->ssl, &chosen, &chosen_len);
		(void)snprintf(ret_protocol, 16, "%.*s", (int)chosen_len, (const char *)chosen);
	}
	test_close(peer);
	return done;
}

static struct test_server *start(atomic_uint *asked)
{
	struct test_server *server = test_server_start(NULL);
	const struct net_tls_challenges challenges = {.find = find, .context = asked};
	test_server_certificate(server, "default.example", NULL, "asked.example");
	net_tls_slot_answer(server->tls, &challenges);
	return server;
}

static void an_authority_is_shown_its_certificate(void **state)
{
	static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	atomic_uint asked = 0;
	struct test_server *server = start(&asked);
	char name[64], protocol[16];
	for (size_t i = 0; i < ARRAY_LEN(VERSIONS); i++) {
		assert_true(look(server, "Asked.example", ACME, sizeof(ACME) - 1, VERSIONS[i], name,
			protocol));
		assert_string_equal(name, "proof.example");
		assert_string_equal(protocol, "acme-tls/1");
	}
	assert_int_equal(atomic_load(&asked), 2);
	test_server_stop(server, 1000);
}

static void about_another_name_there_is_no_handshake(void **state)
{
	atomic_uint asked = 0;
	struct test_server *server = start(&asked);
	char name[64], protocol[16];
	assert_false(look(
		server, "other.example", ACME, sizeof(ACME) - 1, TLS1_3_VERSION, name, protocol));
	assert_false(look(server, NULL, ACME, sizeof(ACME) - 1, TLS1_3_VERSION, name, protocol));
	assert_int_equal(atomic_load(&asked), 1);
	test_server_stop(server, 1000);
}

static void who_offers_more_is_no_authority(void **state)
{
	atomic_uint asked = 0;
	struct test_server *server = start(&asked);
	char name[64], protocol[16];
	assert_true(look(server, "asked.example", OTHERS, sizeof(OTHERS) - 1, TLS1_3_VERSION, name,
		protocol));
	assert_string_equal(name, "asked.example");
	assert_string_equal(protocol, "");
	assert_int_equal(atomic_load(&asked), 0);
	test_server_stop(server, 1000);
}

static void a_slot_that_answers_none_serves_everybody(void **state)
{
	struct test_server *server = test_server_start(NULL);
	char name[64], protocol[16];
	test_server_certificate(server, "default.example", NULL, "asked.example");
	assert_true(look(
		server, "asked.example", ACME, sizeof(ACME) - 1, TLS1_3_VERSION, name, protocol));
	assert_string_equal(name, "asked.example");
	test_server_stop(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_authority_is_shown_its_certificate),
		cmocka_unit_test(about_another_name_there_is_no_handshake),
		cmocka_unit_test(who_offers_more_is_no_authority),
		cmocka_unit_test(a_slot_that_answers_none_serves_everybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
