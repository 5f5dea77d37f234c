/* A connection to a server, for sequential code that talks to another role or a peer: lines and
 * bytes with time-outs, TLS if asked for; and a pool that keeps idle ones.
 *
 * The calls wait. What runs on a loop (a session, a job, what was spawned) waits for the socket as
 * it does for all else, by base/wait.h: it keeps its stack and gives its thread back, and the rules
 * there hold. A plain thread blocks. Any of them may use a client, one at a time. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "net/address.h"

struct net_client;
struct net_tls_client;
struct net_tls_dane;
struct net_tls_info;

enum net_client_tls { NET_CLIENT_PLAIN, NET_CLIENT_TLS };

struct net_client_options {
	struct net_address address;
	enum net_client_tls tls;
	const char *tls_name; /* checked against the certificate, sent as SNI; NULL: not checked */
	const char *ca_file;  /* PEM; NULL: the system's */
	bool unverified;      /* tls_name is sent only: any certificate is taken */
	/* Checks in place of tls_name: see net_tls_connect_dane(). Borrowed until TLS stands. */
	const struct net_tls_dane *dane;
	/* What the options on certificates above come to, made once for many clients: made by
	 * net_tls_client_new(), borrowed until TLS stands. NULL: it makes its own. */
	struct net_tls_client *trust;
	unsigned timeout_ms; /* for connecting, and for each read and write; 0 means 30 s */
	/* On a loop that stops, what waits fails with ERR_UNAVAILABLE, when its grace time is over
	 * (net_loop_stop()). True: as soon as it begins to stop. */
	bool ends_early;
};

int net_client_connect(const struct net_client_options *options, struct net_client **ret_client,
	struct err *err) WARN_UNUSED;
int net_client_start_tls(struct net_client *client, struct err *err) WARN_UNUSED;
/* As above, with anchors of the caller's, who keeps them for the call; `name` is for SNI and the
 * certificate, NULL: neither; `dane` (may be NULL) as in the options. After a failure the
 * connection is of no use. */
int net_client_start_tls_with(struct net_client *client, struct net_tls_client *trust,
	const char *name, const struct net_tls_dane *dane, struct err *err) WARN_UNUSED;
/* What was negotiated; borrowed. NULL without TLS. After a handshake that failed it has no more
 * than `trouble`. */
const struct net_tls_info *net_client_tls_info(struct net_client *client);
/* Our end of the connection; unknown (len 0) when the system does not say. */
struct net_address net_client_local(const struct net_client *client);
/* From now on; 0 means 30 s. */
void net_client_set_timeout(struct net_client *client, unsigned ms);
/* Queues; net_client_flush sends. A full queue sends by itself. */
void net_client_write(struct net_client *client, struct slice bytes);
int net_client_flush(struct net_client *client, struct err *err) WARN_UNUSED;
/* After a write has failed: forgets what was not sent, so that what the server said before it
 * closed can be read. Nothing may be written any more. */
void net_client_stop_writing(struct net_client *client);
/* Overwrites what was sent last: it was a secret. */
void net_client_wipe_sent(struct net_client *client);
/* Flushes, then reads one line, within the time-out; without CR LF; valid until the next call. A
 * line past `max` is an error, so is the end of the stream. */
int net_client_read_line(
	struct net_client *client, size_t max, struct slice *ret_line, struct err *err) WARN_UNUSED;
/* Flushes, then appends exactly `len` bytes to `to`. */
int net_client_read_bytes(
	struct net_client *client, size_t len, struct buf *to, struct err *err) WARN_UNUSED;
/* Whether it can be used again: open, nothing queued, and the server has not said a word. */
bool net_client_is_quiet(struct net_client *client);
void net_client_close(struct net_client *client); /* NULL is fine */

/* Idle connections to one address, newest first. Thread-safe. */
struct net_pool;
struct net_pool *net_pool_new(const struct net_client_options *options, unsigned idle_max);
/* An idle connection that is still open (*ret_reused is true) or a new one. */
int net_pool_take(struct net_pool *pool, struct net_client **ret_client, bool *ret_reused,
	struct err *err) WARN_UNUSED;
/* An idle one that is still open; NULL: there is none. For callers that connect themselves. */
struct net_client *net_pool_take_idle(struct net_pool *pool);
void net_pool_give(struct net_pool *pool, struct net_client *client);
void net_pool_free(struct net_pool *pool);

#endif
