/* For tests: a server with a small line protocol on random loopback ports, and blocking clients. */
#ifndef NET_TEST_SERVER_H
#define NET_TEST_SERVER_H

#include "base/wait.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/session.h"
#include "net/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/* Lines that the server knows: ECHO x, BIG lines (of 1,000 bytes each), ONE bytes (in one write),
 * BLOCK ms, WAIT n (for waits[n]), TRY ms (a wait that is never done), TIMEOUT ms, PEER, SECURE,
 * BECOME client ttl local (of a front end), SNI, BINDING, STARTTLS, TAKE (one command a run from
 * now on), QUIT, ABORT. It says "hello" first.
 */
struct test_server {
	struct net_loop *loop;
	struct net_tls_slot *tls;
	struct net_trusted trusted;
	pthread_t thread;
	uint16_t plain, tls_at_once, proxied, proxied_tls;
	atomic_uint opened, closed, woken, runs, jobs;
	atomic_size_t most_queued;
	/* Sessions that said so by KEEP n; the test owns the reference. */
	_Atomic(struct net_session *) kept[64];
	struct wait waits[64];
};

struct test_server_options {
	struct net_loop_options loop;
	const char *trusted; /* a network, or NULL */
};

struct test_server *test_server_start(const struct test_server_options *options);
void test_server_certificate(
	struct test_server *server, const char *host, const char *name, const char *second_name);
/* One more listener, at an address with port 0 or a Unix path; without `protocol`, of the lines
 * above. Returns the real address. */
struct net_address test_server_listen(
	struct test_server *server, const char *at, struct net_listener_options options);
/* Stops and frees, checks that each session that was opened was closed. */
void test_server_stop(struct test_server *server, unsigned grace_ms);

/* A client. Every read fails the test after 10 s. */
struct test_peer {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	char line[4096];
	char buffer[65536];
	size_t have;
	bool ended;
};
struct test_peer *test_connect(uint16_t port);
struct test_peer *test_connect_tls(uint16_t port, const char *sni, int version);
void test_start_tls(struct test_peer *peer, const char *sni, int version);
void test_send(struct test_peer *peer, const char *bytes);
void test_send_bytes(struct test_peer *peer, const void *bytes, size_t len);
/* The next line without its end; "" at the end of the stream (ended is set). */
const char *test_line(struct test_peer *peer);
/* Reads and drops; fewer only at the end of the stream. */
size_t test_drop(struct test_peer *peer, size_t len);
/* The CN of the server's certificate. */
void test_server_name(struct test_peer *peer, char ret_name[64]);
void test_close(struct test_peer *peer);

#define assert_line(peer, text) assert_string_equal(test_line(peer), text)
#define assert_ended(peer)                                                                         \
	do {                                                                                       \
		assert_string_equal(test_line(peer), "");                                          \
		assert_true((peer)->ended);                                                        \
	} while (0)

#endif
