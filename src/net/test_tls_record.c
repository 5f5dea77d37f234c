/* Records against the trace of RFC 8448 section 3, and what a peer may do in the middle of a
 * connection. */
#include "net/test_server.h"
#include "net/tls_record.h"

#include "base/alloc.h"
#include "base/test.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

enum { AES_128 = 0x1301, AES_256 = 0x1302, CHACHA = 0x1303 };

static size_t from_hex(const char *text, uint8_t *to)
{
	size_t len = 0;
	for (; *text; text += 2) {
		unsigned byte;
		if (*text == ' ')
			text++;
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		to[len++] = (uint8_t)byte;
	}
	return len;
}

static void assert_bytes(const uint8_t *got, const char *hex)
{
	uint8_t expected[256];
	size_t len = from_hex(hex, expected);
	assert_memory_equal(got, expected, len);
}

static struct tls_keys keys_of(const char *secret)
{
	uint8_t bytes[48];
	struct tls_keys keys;
	size_t len = from_hex(secret, bytes);
	assert_true(tls_keys_init(&keys, AES_128, slice(bytes, len)));
	return keys;
}

static void keys_are_those_of_the_trace(void **state)
{
	struct tls_keys server =
		keys_of("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
	struct tls_keys client =
		keys_of("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
	assert_bytes(server.key, "9f02283b6c9c07efc26bb9f2ac92e356");
	assert_bytes(server.iv, "cf782b88dd83549aadf1e984");
	assert_bytes(client.key, "17422dda596ed5d9acd890e3c63f5051");
	assert_bytes(client.iv, "5b78923dee08579033e523d9");
}

static void a_record_is_sealed_as_in_the_trace(void **state)
{
	uint8_t plain[50], sealed[sizeof(plain) + TLS_RECORD_OVERHEAD];
	struct tls_keys client =
		keys_of("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)i;
	assert_int_equal(
		tls_record_seal(&client, TLS_DATA, slice(plain, sizeof(plain)), sealed), 72);
	assert_bytes(sealed, "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac "
			     "ea 42 f9 14 aa"
			     "66 bc ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e "
			     "1f 5a 62 92 a2"
			     "97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4");
}

static void what_was_sealed_opens_again_once(void **state)
{
	const struct {
		unsigned suite;
		size_t secret_len;
	} suites[] = {{AES_128, 32}, {AES_256, 48}, {CHACHA, 32}};
	static uint8_t record[TLS_RECORD_MAX], copy[TLS_RECORD_MAX], secret[48] = "secret";
	static char plain[TLS_RECORD_PLAIN_MAX];
	const size_t lens[] = {0, 1, 17, TLS_RECORD_PLAIN_MAX};
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct tls_keys to, from;
		uint8_t content;
		struct slice got;
		assert_true(
			tls_keys_init(&to, suites[i].suite, slice(secret, suites[i].secret_len)));
		from = to;
		for (size_t k = 0; k < ARRAY_LEN(lens); k++) {
			size_t len = tls_record_seal(&to, TLS_DATA, slice(plain, lens[k]), record);
			assert_int_equal(len, lens[k] + TLS_RECORD_OVERHEAD);
			assert_int_equal(tls_record_len(slice(record, len)), len);
			memcpy(copy, record, len);
			assert_int_equal(tls_record_open(&from, copy, len, &content, &got), 0);
			assert_int_equal(content, TLS_DATA);
			assert_int_equal(got.len, lens[k]);
			assert_memory_equal(got.ptr, plain, lens[k]);
			assert_int_equal(tls_record_open(&from, record, len, &content, &got),
				TLS_BAD_RECORD_MAC); /* a replay has another number */
			from.sequence = to.sequence;
		}
	}
}

static void a_changed_bit_anywhere_is_noticed(void **state)
{
	uint8_t record[64], copy[64], content;
	struct slice got;
	struct tls_keys to =
		keys_of("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
	const struct tls_keys from = to;
	size_t len = tls_record_seal(&to, TLS_DATA, SLICE("EXPUNGE"), record);
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct tls_keys keys = from;
		memcpy(copy, record, len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			tls_record_open(&keys, copy, len, &content, &got), TLS_BAD_RECORD_MAC);
	}
	for (size_t cut = 0; cut < len; cut++) {
		struct tls_keys keys = from;
		memcpy(copy, record, len);
		assert_int_equal(
			tls_record_open(&keys, copy, cut, &content, &got), TLS_BAD_RECORD_MAC);
	}
}

static void lengths_and_types_are_bounded(void **state)
{
	assert_int_equal(tls_record_len(SLICE("\x17\x03\x03")), 0);
	assert_int_equal(tls_record_len(slice("\x17\x03\x03\x00\x01", 5)), 6);
	assert_int_equal(tls_record_len(slice("\x17\x03\x03\x41\x00", 5)), TLS_RECORD_MAX);
	assert_int_equal(tls_record_len(slice("\x17\x03\x03\x41\x01", 5)), -TLS_RECORD_OVERFLOW);
	assert_int_equal(tls_record_len(SLICE("GET / HTTP")), -TLS_UNEXPECTED_MESSAGE);
	struct tls_keys keys;
	assert_false(tls_keys_init(&keys, AES_256, SLICE("too short")));
	assert_false(tls_keys_init(&keys, 0x1304, slice("", 0)));
	assert_false(tls_keys_init(&keys, 0x0001, slice("", 0)));
}

/* A client that wants this cipher suite. */
static struct test_peer *connect_with(struct test_server *server, const char *suite)
{
	struct test_peer *peer = test_connect(server->tls_at_once);
	peer->context = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_set_ciphersuites(peer->context, suite), 1);
	peer->ssl = SSL_new(peer->context);
	assert_int_equal(SSL_set_fd(peer->ssl, peer->fd), 1);
	assert_int_equal(SSL_connect(peer->ssl), 1);
	assert_string_equal(SSL_get_cipher_name(peer->ssl), suite);
	assert_line(peer, "hello");
	return peer;
}

static void every_cipher_suite_carries_a_session(void **state)
{
	const char *suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	struct test_server *server = test_server_start(NULL);
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		struct test_peer *peer = connect_with(server, suites[i]);
		test_send(peer, "ECHO a\r\nECHO b\r\n");
		assert_line(peer, "a");
		assert_line(peer, "b");
		test_send(peer, "BIG 2000\r\nECHO c\r\n");
		assert_int_equal(test_drop(peer, 2000 * 1000), 2000 * 1000);
		assert_line(peer, "c");
		test_send(peer, "QUIT\r\n");
		assert_line(peer, "bye");
		assert_ended(peer);
		assert_true(SSL_get_shutdown(peer->ssl) & SSL_RECEIVED_SHUTDOWN);
		test_close(peer);
	}
	test_server_stop(server, 1000);
}

static void keys_are_updated_when_the_client_asks(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = connect_with(server, "TLS_AES_256_GCM_SHA384");
	for (int i = 0; i < 5; i++) {
		int kind = i % 2 ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED;
		assert_int_equal(SSL_key_update(peer->ssl, kind), 1);
		test_send(peer, "ECHO a\r\n");
		assert_line(peer, "a");
		test_send(peer, "BIG 100\r\n");
		assert_int_equal(test_drop(peer, 100 * 1000), 100 * 1000);
	}
	test_close(peer);
	test_server_stop(server, 1000);
}

static void records_that_bring_nothing_end_the_connection(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = connect_with(server, "TLS_AES_256_GCM_SHA384");
	for (int i = 0; i < 40; i++)
		if (SSL_key_update(peer->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
			SSL_do_handshake(peer->ssl) != 1)
			break;
	assert_ended(peer);
	test_close(peer);
	test_server_stop(server, 1000);
}

static void bytes_that_are_no_record_are_answered_with_an_alert(void **state)
{
	/* a record that does not open; one that is too long; none at all */
	const struct slice bad[] = {
		slice("\x17\x03\x03\x00\x20 23456789 123456789 123456789 1", 37),
		slice("\x17\x03\x03\x50\x00", 5), SLICE("NOOP\r\n")};
	const int alerts[] = {SSL_R_SSLV3_ALERT_BAD_RECORD_MAC, SSL_R_TLSV1_ALERT_RECORD_OVERFLOW,
		SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE};
	struct test_server *server = test_server_start(NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char byte;
		struct test_peer *peer = connect_with(server, "TLS_AES_256_GCM_SHA384");
		assert_int_equal(send(peer->fd, bad[i].ptr, bad[i].len, 0), bad[i].len);
		assert_true(SSL_read(peer->ssl, &byte, 1) <= 0);
		assert_int_equal(ERR_GET_REASON(ERR_get_error()), alerts[i]);
		peer->ended = true;
		test_close(peer);
	}
	test_server_stop(server, 1000);
}

static void a_record_may_come_in_pieces(void **state)
{
	struct test_server *server = test_server_start(NULL);
	struct test_peer *peer = connect_with(server, "TLS_CHACHA20_POLY1305_SHA256");
	BIO *wire = BIO_new(BIO_s_mem());
	assert_non_null(wire);
	BIO_up_ref(wire);
	BIO *socket = SSL_get_wbio(peer->ssl);
	BIO_up_ref(socket);
	SSL_set0_wbio(peer->ssl, wire);
	test_send(peer, "ECHO one\r\n");
	test_send(peer, "ECHO two\r\n");
	char *bytes;
	long len = BIO_get_mem_data(wire, &bytes);
	for (long i = 0; i < len; i++) {
		unsigned runs = atomic_load(&server->runs);
		assert_int_equal(send(peer->fd, bytes + i, 1, 0), 1);
		if (i < len / 2 - 1)
			assert_int_equal(atomic_load(&server->runs), runs);
	}
	assert_line(peer, "one");
	assert_line(peer, "two");
	SSL_set0_wbio(peer->ssl, socket);
	BIO_free(wire);
	test_close(peer);
	test_server_stop(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_those_of_the_trace),
		cmocka_unit_test(a_record_is_sealed_as_in_the_trace),
		cmocka_unit_test(what_was_sealed_opens_again_once),
		cmocka_unit_test(a_changed_bit_anywhere_is_noticed),
		cmocka_unit_test(lengths_and_types_are_bounded),
		cmocka_unit_test(every_cipher_suite_carries_a_session),
		cmocka_unit_test(keys_are_updated_when_the_client_asks),
		cmocka_unit_test(records_that_bring_nothing_end_the_connection),
		cmocka_unit_test(bytes_that_are_no_record_are_answered_with_an_alert),
		cmocka_unit_test(a_record_may_come_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
