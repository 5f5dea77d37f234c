/* Connecting to a back end: its addresses, the PROXY header, TLS. */
#include "proxy/backends_internal.h"

#include "base/clock.h"
#include "base/must.h"
#include "net/layer.h"
#include "net/proxy_header.h"
#include "net/remote.h"

#include <netinet/in.h>

enum {
	ADDRESSES_FRESH_MS = 30 * 1000,
	CONNECT_LEAST_MS = 100,
};

/* Its usual ports: with TLS at once, and without. Where the first is 0 there is no such way. */
static const struct {
	uint16_t secured, plain;
	size_t offset; /* in struct conf_backend_ports */
} ports[] = {
	[PROXY_IMAP] = {993, 143, offsetof(struct conf_backend_ports, imap)},
	[PROXY_POP3] = {995, 110, offsetof(struct conf_backend_ports, pop3)},
	[PROXY_SUBMISSION] = {465, 587, offsetof(struct conf_backend_ports, submission)},
	[PROXY_MANAGESIEVE] = {0, 4190, offsetof(struct conf_backend_ports, managesieve)},
	[PROXY_HTTP] = {443, 80, offsetof(struct conf_backend_ports, http)},
	[PROXY_SMTP] = {0, 25, offsetof(struct conf_backend_ports, smtp)},
	[PROXY_LMTP] = {0, 24, offsetof(struct conf_backend_ports, lmtp)},
};
_Static_assert(ARRAY_LEN(ports) == PROXY_PROTOCOLS, "each protocol has its ports");

static enum conf_backend_tls tls_of(
	const struct proxy_backends *b, const struct proxy_backend *backend)
{
	if (backend->is_here)
		return CONF_BACKEND_NONE;
	if (backend->conf && backend->conf->tls != CONF_BACKEND_AS_PROXY)
		return backend->conf->tls;
	return b->settings->proxy.backend_tls;
}

/* HTTP has no STARTTLS. */
static bool is_tls_at_once(enum conf_backend_tls tls, enum proxy_protocol protocol)
{
	return ports[protocol].secured != 0 &&
	       (tls == CONF_BACKEND_IMPLICIT ||
		       (tls == CONF_BACKEND_STARTTLS && protocol == PROXY_HTTP));
}

static uint64_t port_in(const struct conf_backend_ports *in, enum proxy_protocol protocol)
{
	return *(const uint64_t *)((const char *)in + ports[protocol].offset);
}

static uint16_t port_of(const struct proxy_backends *b, const struct proxy_backend *backend,
	enum proxy_protocol protocol)
{
	uint64_t port = backend->port;
	if (port == 0 && backend->conf)
		port = port_in(&backend->conf->ports, protocol);
	if (port == 0)
		port = port_in(&b->settings->proxy.ports, protocol);
	if (port == 0)
		port = is_tls_at_once(tls_of(b, backend), protocol) ? ports[protocol].secured
								    : ports[protocol].plain;
	return (uint16_t)port;
}

/* Where a role on this machine listens for us. */
static int socket_of(const struct conf_settings *settings, enum proxy_protocol protocol,
	struct net_address *ret_address, struct err *err)
{
	char text[600];
	(void)snprintf(text, sizeof(text), "unix:%s/proxy-%s", settings->run,
		proxy_protocol_name(protocol));
	return net_address_parse(slice_str(text), ret_address, err);
}

struct addresses {
	struct net_address at[NET_REMOTE_ADDRESSES_MAX];
	size_t count;
};

/* Ports are put in later: they are the protocols'. */
static int look_up(const char *host, struct addresses *to, struct err *err)
{
	struct net_remote remote = {.port = "0"};
	(void)snprintf(remote.host, sizeof(remote.host), "%s", host);
	return net_remote_look_up(&remote, to->at, &to->count, err);
}

/* While somebody looks them up, others go on with what was there before. */
static int find_addresses(struct proxy_backends *b, struct proxy_backend *backend,
	struct addresses *to, struct err *err)
{
	const char *fixed = backend->conf ? backend->conf->address : "";
	must(pthread_mutex_lock(&b->lock) == 0);
	memcpy(to->at, backend->addresses, sizeof(to->at));
	to->count = backend->address_count;
	bool fresh = to->count > 0 &&
		     (backend->looking_up || clock_mono_ms() < backend->addresses_until_ms);
	backend->looking_up = backend->looking_up || !fresh;
	must(pthread_mutex_unlock(&b->lock) == 0);
	if (fresh)
		return 0;
	int r = look_up(fixed[0] ? fixed : backend->host, to, err);
	must(pthread_mutex_lock(&b->lock) == 0);
	backend->looking_up = false;
	if (r == 0) {
		memcpy(backend->addresses, to->at, sizeof(to->at));
		backend->address_count = to->count;
		backend->addresses_until_ms = clock_mono_ms() + ADDRESSES_FRESH_MS;
	}
	must(pthread_mutex_unlock(&b->lock) == 0);
	return r;
}

static void set_port(struct net_address *address, uint16_t port)
{
	if (address->storage.ss_family == AF_INET)
		((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
}

static int open_one(const struct net_address *address, unsigned timeout_ms, struct proxy_link *link,
	struct err *err)
{
	const struct net_client_options options = {.address = *address, .timeout_ms = timeout_ms};
	return net_client_connect(&options, &link->net, err);
}

/* All addresses of a host share the time that one has. */
static int open_any(struct proxy_link *link, struct err *err)
{
	struct proxy_backends *b = link->backends;
	unsigned timeout_ms = (unsigned)b->settings->proxy.connect_timeout_ms;
	uint16_t port = port_of(b, link->backend, link->protocol);
	struct addresses addresses = {.count = 0};
	int r = -1;
	if (link->is_here) {
		r = socket_of(b->settings, link->protocol, &addresses.at[0], err);
		return r < 0 ? r : open_one(&addresses.at[0], timeout_ms, link, err);
	}
	if (find_addresses(b, link->backend, &addresses, err) < 0)
		return -1;
	if (addresses.count == 0)
		return err_temporary(
			err, ERR_UNAVAILABLE, "%s has no address", link->backend->host);
	timeout_ms = MAX(timeout_ms / (unsigned)addresses.count, (unsigned)CONNECT_LEAST_MS);
	for (size_t i = 0; i < addresses.count && r < 0; i++) {
		set_port(&addresses.at[i], port);
		r = open_one(&addresses.at[i], timeout_ms, link, err);
	}
	return r;
}

/* The header goes before everything, TLS too. */
static int begin(struct proxy_link *link, const struct proxy_ends *ends, struct err *err)
{
	struct proxy_backends *b = link->backends;
	enum conf_backend_tls tls = tls_of(b, link->backend);
	net_client_set_timeout(link->net, (unsigned)b->settings->proxy.backend_timeout_ms);
	if (b->settings->proxy.backend_proxy_header && !link->is_here) {
		AUTO(buf_free) struct buf header = BUF(NET_PROXY_HEADER_MAX);
		net_proxy_write(ends ? ends->client : NULL, ends ? ends->local : NULL, &header);
		net_client_write(link->net, buf_slice(&header));
	}
	link->wants_tls = tls != CONF_BACKEND_NONE;
	return is_tls_at_once(tls, link->protocol) ? proxy_link_start_tls(link, err) : 0;
}

int proxy_link_start_tls(struct proxy_link *link, struct err *err)
{
	must(link->wants_tls && link->backend->trust);
	if (net_client_start_tls_with(
		    link->net, link->backend->trust, link->backend->host, NULL, err) < 0) {
		const struct net_tls_info *info = net_client_tls_info(link->net);
		if (info && info->trouble_words)
			return err_temporary(
				err, ERR_UNAVAILABLE, "its certificate: %s", info->trouble_words);
		return err_temporary(err, ERR_UNAVAILABLE, "TLS: %s", err->text);
	}
	link->wants_tls = false;
	return 0;
}

int proxy_backends_connect(struct proxy_backends *b, const struct proxy_places *places,
	enum proxy_protocol protocol, const struct proxy_ends *ends, unsigned *tried,
	struct proxy_link *ret_link, struct err *err)
{
	struct err last = {.class = ERR_NONE};
	for (;;) {
		struct proxy_link link = {.backends = b, .protocol = protocol};
		if (proxy_backends_pick(b, places, protocol, tried, &link.backend, err) < 0) {
			if (last.class != ERR_NONE)
				*err = last;
			return -1;
		}
		link.is_here = link.backend->is_here;
		(void)snprintf(link.name, sizeof(link.name), link.is_here ? "%s" : "%s:%u",
			link.backend->host, port_of(b, link.backend, protocol));
		if (open_any(&link, &last) == 0 && begin(&link, ends, &last) == 0) {
			atomic_fetch_add_explicit(&b->connected, 1, memory_order_relaxed);
			*ret_link = link;
			return 0;
		}
		last.class =
			ERR_TEMPORARY; /* whatever is wrong there, it is not the user's affair */
		proxy_link_failed(&link, &last);
	}
}

struct net_client *proxy_link_take(struct proxy_link *link)
{
	struct net_client *net = link->net;
	link->net = NULL;
	proxy_link_close(link);
	return net;
}

void proxy_link_close(struct proxy_link *link)
{
	net_client_close(link->net);
	if (link->backend)
		proxy_backends_release(link->backends, link->backend);
	link->net = NULL;
	link->backend = NULL;
}

const char *proxy_link_hostname(const struct proxy_link *link)
{
	return link->backends->settings->hostname;
}
