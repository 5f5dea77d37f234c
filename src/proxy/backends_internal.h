/* The table of hosts, as its two files see it. */
#ifndef PROXY_BACKENDS_INTERNAL_H
#define PROXY_BACKENDS_INTERNAL_H

#include "net/layer.h"
#include "net/remote.h"
#include "proxy/backends.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	PROXY_HOST_SIZE = 254,
	PROXY_BUCKETS = 256,
};

/* How it is with one protocol of a host. */
struct proxy_health {
	unsigned pause_ms;    /* 0: it is up */
	int64_t asked_ms;     /* when it was tried last; clock_mono_ms() */
	int64_t not_until_ms; /* and when it may be tried again */
};

/* One host, or one port of a host where the directory says a port. */
struct proxy_backend {
	struct proxy_backend *next;      /* in its bucket */
	char host[PROXY_HOST_SIZE];      /* in lower case */
	uint16_t port;                   /* 0: that of the protocol */
	const struct conf_backend *conf; /* its own block; NULL: none */
	struct net_tls_client *trust;    /* borrowed; NULL: no TLS */
	bool is_here;                    /* this node */
	/* Guarded by the table's lock: */
	unsigned users; /* links that hold it */
	int64_t used_ms;
	struct proxy_health health[PROXY_PROTOCOLS];
	struct net_address addresses[NET_REMOTE_ADDRESSES_MAX];
	size_t address_count;
	int64_t addresses_until_ms; /* then they are looked up anew */
	bool looking_up;
};

struct proxy_backends {
	const struct conf_settings *settings;
	struct net_tls_client *trust;   /* of those without a block; NULL: no TLS */
	struct net_tls_client **trusts; /* of each block that has authorities of its own */
	struct proxy_places default_host;
	pthread_mutex_t lock; /* guards all below; not held over a wait */
	struct proxy_backend *buckets[PROXY_BUCKETS];
	unsigned count;
	struct {
		char text[PROXY_CAPABILITIES_MAX];
		size_t len;
		bool is_default; /* heard from default_host */
	} heard[PROXY_PROTOCOLS];
	atomic_uint_fast64_t connected, failed;
};

/* backends.c: the next of the places to be tried, held; its bit is set in *tried. */
int proxy_backends_pick(struct proxy_backends *backends, const struct proxy_places *places,
	enum proxy_protocol protocol, unsigned *tried, struct proxy_backend **ret_backend,
	struct err *err) WARN_UNUSED;
void proxy_backends_release(struct proxy_backends *backends, struct proxy_backend *backend);

#endif
