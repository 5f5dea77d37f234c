/* For tests: what stands between clients and servers and joins them; and both of them by hand. */
#ifndef NET_TEST_FRONT_H
#define NET_TEST_FRONT_H

#include "net/client.h"
#include "net/join.h"
#include "net/test_server.h"

/* Its protocol says "front", takes a line, connects to `back`, waits for "hello" there, says
 * "joined" and joins. At the gates nothing is said but the server's "hello", and it joins at once.
 */
struct front {
	struct test_server *server;
	struct net_client_options back, behind_gate;
	struct net_join_options options;
	struct net_join_figures figures;
	uint16_t plain, tls, tls_gate;
	char near_unix[108], far_unix[108]; /* addresses, "unix:…"; the first one is listened on */
	atomic_uint joined, closed;
	_Atomic(struct net_session *) last; /* the session that joined last */

	struct net_tls_client *trust;
	char folder[64];
	int listener; /* for a server by hand */
};

struct front *front_start(const struct test_server_options *options);
/* Checks that each that was joined has been closed. */
void front_stop(struct front *front, unsigned grace_ms);
/* Where it connects to; or by this address. */
void front_set_back(struct front *front, uint16_t port, bool tls);
void front_set_back_address(struct front *front, const char *address);
/* Until all that were joined are closed. */
void front_until_closed(struct front *front);

struct test_peer *front_connect_unix(struct front *front);
/* A client that has sent the line; that is joined. Both return it. */
struct test_peer *front_ask(struct test_peer *peer);
struct test_peer *front_join(struct test_peer *peer);
/* The back end is the test itself: it takes one connection and greets. Through the gate or at
 * once. */
void front_listen(struct front *front, const char *at, bool behind_gate);
struct test_peer *front_accept(struct front *front, const char *greeting);
/* Both ends by hand, joined, by TCP or Unix sockets. */
void front_join_by_hand(struct front *front, bool unix_sockets, struct test_peer **ret_client,
	struct test_peer **ret_server);

/* As much of the pattern as the way takes. Unix sockets: a known number of bytes. */
size_t front_fill_up(struct test_peer *peer);
uint8_t front_pattern(size_t at);
void front_assert_pattern(struct test_peer *peer, size_t len);

#endif
