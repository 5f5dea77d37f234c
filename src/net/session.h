/* One connection of a protocol server: what a protocol writes to be served by the loop, and what
 * its code may call while it runs.
 *
 * The loop reads what has arrived into the session's input, then calls run(). run() consumes whole
 * commands (or pieces of a literal) from the input, adds answers to the output, and says what it
 * waits for. Between calls the session is parked: its buffers are given back when empty, so a
 * protocol keeps its own parked state small. Only one thread runs a session at a time.
 *
 * Output is queued and sent without blocking. A long answer (FETCH 1:*) is written until
 * net_output_full() says so; then run() returns NET_WAIT_OUTPUT and goes on at the next call.
 *
 * A connection that we opened (net_loop_connector()) is served alike: "the client" below is its
 * other end, and "the listener" its connector. */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "net/address.h"

struct net_session;
struct net_tls_info;

/* Why run() is called; a set of bits. */
enum net_event {
	NET_INPUT = 1,     /* bytes came (or were left in the input by the last run) */
	NET_DRAINED = 2,   /* the output is nearly empty again after NET_WAIT_OUTPUT */
	NET_WOKEN = 4,     /* net_session_wake() was called */
	NET_TIMEOUT = 8,   /* the time set by net_set_timeout() is over */
	NET_SHUTDOWN = 16, /* the server stops: say so and return NET_CLOSE */
	NET_SECURED = 32,  /* the handshake that net_start_tls() asked for is done */
	NET_EOF = 64,      /* the client will send no more; the input holds what is left */
	NET_FAR = 128,     /* news of the connection beside (net/far.h) */
};

/* What run() waits for. */
enum net_next {
	NET_WAIT_INPUT,  /* more bytes, a wake-up or the time-out */
	NET_WAIT_OUTPUT, /* the output to drain; input is not read meanwhile */
	/* Both: input is read on however much output waits, for two that write to each other. After
	 * net_output_full() said so, NET_DRAINED comes. */
	NET_WAIT_BOTH,
	NET_CLOSE, /* send what is queued (within 30 s), then close */
	NET_ABORT, /* close now, drop what is queued */
};

struct net_protocol {
	const char *name;    /* "imap", in logs and metrics */
	size_t session_size; /* of the protocol's own state, see net_state() */
	/* Makes the protocol's state and queues the greeting. Returns as run() does. */
	enum net_next (*open)(struct net_session *session);
	enum net_next (*run)(struct net_session *session, unsigned events);
	/* The connection is gone: free the protocol's state. No output any more. */
	void (*close)(struct net_session *session);
	size_t input_max;    /* bytes of input kept unconsumed; run() must consume before that */
	unsigned timeout_ms; /* first time-out */
	/* A line for who is refused by a limit ("421 …\r\n"); NULL: closed without a word. Not
	 * sent where TLS comes first. */
	const char *refusal;
	/* What other sessions still need while they end: its own hear NET_SHUTDOWN only when no
	 * session of another protocol is left, within the same grace time. */
	bool last;
};

/* The protocol's own zeroed struct of session_size bytes. */
void *net_state(struct net_session *session);
/* The `service` of the listener. */
void *net_service(struct net_session *session);
const char *net_session_id(
	const struct net_session *session);             /* text, unique, for logs and Received */
struct log_scope *net_log(struct net_session *session); /* parent for scopes; has the session id */
/* Adds or replaces a field of the session's log scope; `value` is copied (cut at 96 bytes). At
 * most 2. */
void net_log_tag(struct net_session *session, const char *key, struct slice value);
const struct net_address *net_peer(
	const struct net_session *session); /* after PROXY; or where we connected to */
const struct net_address *net_local(const struct net_session *session); /* after PROXY */
/* The connection itself (before PROXY) comes from an address in the listener's `trusted`: it may
 * speak for others. */
bool net_peer_is_trusted(const struct net_session *session);
/* Replaces the client's address, in the log too, or ours that it connected to (XCLIENT, IMAP ID
 * from a trusted peer). */
void net_set_peer(struct net_session *session, const struct net_address *address);
void net_set_local(struct net_session *session, const struct net_address *address);
/* It comes from a front end of ours, as the listener says, whoever net_peer() is by now. */
bool net_is_front_end(const struct net_session *session);
/* As net_set_peer(), and the connection counts among those of that address from now on. False, and
 * nothing is changed: it has as many as it may. */
WARN_UNUSED bool net_pass_on(struct net_session *session, const struct net_address *client);

/* Input. */
struct slice net_input(struct net_session *session); /* valid until consume or return */
void net_consume(struct net_session *session, size_t len);
/* Asks the socket once more, without blocking; true when bytes were added. */
bool net_read_more(struct net_session *session);

/* Output. Never blocks, never fails: a broken connection is noticed by the loop. */
void net_write(struct net_session *session, struct slice bytes);
void net_write_str(struct net_session *session, const char *text);
void net_printf(struct net_session *session, const char *format, ...) PRINTF_LIKE(2, 3);
/* The output's buffer, to render into directly; only until the next net_ call or return. */
struct buf *net_output(struct net_session *session);
/* True when the socket takes no more and more than NET_OUTPUT_LOW bytes wait: return
 * NET_WAIT_OUTPUT now. Tries to send first when there are more than NET_OUTPUT_HIGH. So a client
 * that does not read holds as much, and what its protocol writes between two questions. */
bool net_output_full(struct net_session *session);
/* The kernel takes no more than about so many bytes that it can't send yet, however long the way
 * is: so what a protocol finds urgent does not stand behind megabytes. Where it is TCP. */
void net_limit_unsent(struct net_session *session, unsigned bytes);
/* When the session closes, the client may be sending still, and a reset would overtake the answer:
 * the end of what it sends is waited for, 2 s at most. */
void net_linger(struct net_session *session);
/* Sends what the socket takes now. */
void net_flush(struct net_session *session);
enum { NET_OUTPUT_HIGH = 64 * 1024, NET_OUTPUT_LOW = 16 * 1024 };

/* run() is called with NET_TIMEOUT when no other event came for that long; 0 means never. */
void net_set_timeout(struct net_session *session, unsigned ms);

/* STARTTLS: after run() returns, the queued output goes out in plain text, then the handshake
 * starts. Input that is there already was sent before the handshake and is thrown away (RFC 3207
 * section 4.2, RFC 9051 section 6.2.1): from this call on net_input() is empty and net_consume()
 * does nothing. run() is next called with NET_SECURED. */
void net_start_tls(struct net_session *session);
bool net_tls_offered(
	const struct net_session *session); /* has certificates and is not secured yet */
bool net_is_secure(
	const struct net_session *session); /* TLS, or a Unix socket, or loopback if allowed */
bool net_is_tls(const struct net_session *session);
/* "TLSv1.3", cipher name and the client's SNI; NULL without TLS. Borrowed from the session. */
const struct net_tls_info *net_tls_info(const struct net_session *session);

/* From any thread: run() will be called with NET_WOKEN. Never lost; several may fold into one.
 * Legal until unref, also when the connection is gone. */
void net_session_wake(struct net_session *session);
/* The same, for output that is better sent together: behind the events that are there already, as
 * many as a worker takes at most before it looks. */
void net_session_wake_behind(struct net_session *session);
/* From any thread: the connection is cut, whatever it waits for. As net_session_wake() else. */
void net_session_cut(struct net_session *session);
struct net_session *net_session_ref(struct net_session *session);
void net_session_unref(struct net_session *session);

#endif
