/* A connection is a stack of layers: the socket at the bottom, TLS on it, later deflate on that.
 * Each reads and writes through the one below; whoever uses a connection talks to the top. None
 * ever blocks. */
#ifndef NET_LAYER_H
#define NET_LAYER_H

#include "base/err.h"
#include "net/tls.h"

/* Results of reading, writing and shaking hands, besides a count or 0. */
enum {
	NET_LAYER_BROKEN = -1,
	NET_LAYER_WANT_READ = -2,  /* go on when the socket has something to read */
	NET_LAYER_WANT_WRITE = -3, /* go on when the socket takes more */
};

struct net_layer;

struct net_layer_ops {
	/* 0 when done. Called before any read or write of this layer. Then another layer may stand
	 * in its place. */
	int (*handshake)(struct net_layer **layer, struct err *err);
	/* Count read; 0 at the end of the stream. */
	ssize_t (*read)(struct net_layer *layer, void *to, size_t len);
	/* False when a read is known to give WANT_READ. */
	bool (*may_read)(struct net_layer *layer);
	/* Count taken, at least 1. After WANT_WRITE the same bytes are offered again, or more. */
	ssize_t (*write)(struct net_layer *layer, const void *from, size_t len);
	/* Says goodbye in the layer's own way (close_notify). 0, or WANT_WRITE: it is to be called
	 * again. Nothing may be written after it; reading goes on. */
	int (*finish)(struct net_layer *layer);
	void (*free)(struct net_layer *layer);
	/* What the handshake came to; borrowed from the layer. NULL: it is no TLS layer. */
	const struct net_tls_info *(*tls_info)(struct net_layer *layer);
};

struct net_layer {
	const struct net_layer_ops *ops;
	struct net_layer *below; /* owned; NULL for the socket */
};

/* The bottom. It lives in its owner's memory and does not close the fd. */
struct net_socket {
	struct net_layer layer;
	int fd;
	/* Nothing to read is known to be there, so reading does not ask the kernel: set by a short
	 * read, cleared by whoever hears from epoll. */
	bool dry;
	/* The peer has shut down its side: a short read does not mean dry, the end follows. */
	bool ended;
};
void net_socket_init(struct net_socket *sock, int fd);
/* What every connection's fd has, where it is TCP. Output is gathered before it is sent, so Nagle's
 * wait helps nobody; and who is gone without a word is noticed some day. */
void net_socket_set_options(int fd);
/* See net_limit_unsent(). */
void net_socket_limit_unsent(int fd, unsigned bytes);

/* TLS, the server's half. What the slot holds is taken now. Owns `below` once it returns 0. */
int net_tls_serve(struct net_tls_slot *slot, struct net_layer *below, struct net_layer **ret_layer,
	struct err *err) WARN_UNUSED;

/* The client's half. */
struct net_tls_client; /* trust anchors, or a key; shared by connections, which may outlive it */
/* ca_file NULL: the system's. `verify` false: any certificate is taken, and servers with weak keys
 * and ciphers too: this is for those that would be talked to without TLS otherwise. */
int net_tls_client_new(const char *ca_file, bool verify, struct net_tls_client **ret_client,
	struct err *err) WARN_UNUSED;
/* Looks at certificates as one that verifies, and takes any: net_tls_info.trouble says what came of
 * it. For what is tested, and goes on. */
int net_tls_client_new_lenient(
	const char *ca_file, struct net_tls_client **ret_client, struct err *err) WARN_UNUSED;
/* For servers that have the same key under the same name (net_tls_slot_set_key()). Any other fails
 * the handshake: with ERR_DENIED where it is the key, and then the text says what the server has
 * instead. `key` is copied, and wiped as there. */
int net_tls_client_new_key(struct slice identity, struct slice key,
	struct net_tls_client **ret_client, struct err *err) WARN_UNUSED;
void net_tls_client_free(struct net_tls_client *client); /* NULL is fine */
/* `name` is sent as SNI and checked when the client verifies certificates; may be NULL. Owns
 * `below` once it returns 0. */
int net_tls_connect(struct net_tls_client *client, const char *name, struct net_layer *below,
	struct net_layer **ret_layer, struct err *err) WARN_UNUSED;

/* As above, but the certificate must fit these records, whether or not the client verifies by
 * itself; else the handshake fails with ERR_DENIED. Records that OpenSSL can't make anything of
 * don't count; when none is left, any certificate is taken (RFC 7672 section 2.2). `dane` is
 * borrowed for the call. Not for a client with a key. */
int net_tls_connect_dane(struct net_tls_client *client, const struct net_tls_dane *dane,
	struct net_layer *below, struct net_layer **ret_layer, struct err *err) WARN_UNUSED;

/* What was negotiated by the TLS layer of this stack, whose handshake is done; borrowed from it.
 * NULL when there is none. */
const struct net_tls_info *net_layer_tls_info(struct net_layer *top);

#endif
