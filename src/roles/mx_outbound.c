/* Hosts are tried in their order, each address of each, until one takes a connection; what the last
 * of them said is the reason when none does. Opportunistic TLS that breaks is done without, on a
 * connection of its own; what DANE asks for is not. */
#include "roles/mx_outbound.h"

#include "base/alloc.h"
#include "base/log.h"
#include "dns/dane.h"
#include "net/layer.h"
#include "roles/mx_sending.h"
#include "smtp/outbound.h"

enum { HOST_MAX = 256 };

struct mx_outbound {
	struct role *role;
	struct dns *dns;
	struct net_tls_client *any; /* takes any certificate */
	struct smtp_outbound_options options;
	struct slice own_name;
	uint16_t port; /* of others */
	bool has_smart_host;
	struct net_address smart_address;
};

struct mx_outbound_peer {
	struct smtp_outbound *connection;
	char host[HOST_MAX];
};

static int set_smart_host(struct mx_outbound *o, const char *text, struct err *err)
{
	o->has_smart_host = text[0] != '\0';
	if (!o->has_smart_host)
		return 0;
	if (net_address_parse(slice_str(text), &o->smart_address, err) < 0)
		return err_prefix(err, "mx.outbound.smart_host");
	return 0;
}

int mx_outbound_new(
	struct role *role, struct dns *dns, struct mx_outbound **ret_outbound, struct err *err)
{
	struct mx_outbound *o = ALLOC(struct mx_outbound);
	*ret_outbound = o;
	o->role = role;
	o->dns = dns;
	o->port = (uint16_t)role->settings->mx.outbound.port;
	o->own_name = slice_str(role->settings->hostname);
	o->options = (struct smtp_outbound_options){
		.hostname = role->settings->hostname, .spool_dir_fd = role->spool_fd};
	if (set_smart_host(o, role->settings->mx.outbound.smart_host, err) < 0)
		return -1;
	return net_tls_client_new(NULL, false, &o->any, err);
}

void mx_outbound_free(struct mx_outbound *o)
{
	if (!o)
		return;
	net_tls_client_free(o->any);
	free(o);
}

static void log_opened(const struct smtp_hop *hop, const struct smtp_opening *opening)
{
	char address[NET_ADDRESS_TEXT];
	net_address_text(&hop->address, address);
	log_info(NULL, "connected to a server elsewhere", F_STR("host", hop->host),
		F_STR("address", address),
		F_STR("tls", opening->tls_version ? opening->tls_version : "none"),
		F_STR("verified_by", opening->verified_by ? opening->verified_by : ""));
}

/* 0, or negative: another host may do better. */
static int open_hop(
	struct mx_outbound *o, struct smtp_hop *hop, struct mx_outbound_peer *peer, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct smtp_opening opening;
	int r = smtp_outbound_open(hop, &o->options, &arena, &opening, &peer->connection, err);
	if (r == SMTP_OPENED_WITHOUT_TLS) {
		log_info(NULL, "TLS does not work, going on without", F_STR("host", hop->host),
			F_ERR(err));
		hop->tls = SMTP_TLS_NONE;
		r = smtp_outbound_open(hop, &o->options, &arena, &opening, &peer->connection, err);
	}
	if (r != 0)
		return -1;
	(void)snprintf(peer->host, sizeof(peer->host), "%s", hop->host);
	log_opened(hop, &opening);
	return 0;
}

/* What the DNS asks for at this host. */
static int choose_tls(struct mx_outbound *o, const struct dns_route *route,
	const struct dns_exchanger *host, struct arena *arena, struct smtp_hop *hop,
	struct err *err)
{
	struct dns_dane *dane = ARENA_NEW(arena, struct dns_dane);
	hop->tls = SMTP_TLS_OPPORTUNISTIC;
	hop->trust = o->any;
	int r = dns_find_dane(o->dns, route, host, o->port, arena, dane, err);
	if (r < 0)
		return r;
	if (dane->demand != DNS_DANE_NONE)
		hop->tls = SMTP_TLS_REQUIRED;
	if (dane->demand == DNS_DANE_VERIFY) {
		hop->dane = &dane->tls;
		hop->verified_by = "dane";
	}
	return 0;
}

static int open_host(struct mx_outbound *o, const struct dns_route *route,
	const struct dns_exchanger *host, struct arena *arena, struct mx_outbound_peer *peer,
	struct err *err)
{
	struct smtp_hop hop = {.host = arena_copy(arena, host->name).ptr};
	if (choose_tls(o, route, host, arena, &hop, err) < 0)
		return -1;
	enum smtp_tls_mode tls = hop.tls;
	for (size_t i = 0; i < host->count; i++) {
		hop.address = host->addresses[i];
		hop.tls = tls;
		if (open_hop(o, &hop, peer, err) == 0)
			return 0;
	}
	return -1;
}

/* No host takes mail. Only what the DNS says is for good. */
static int unreachable(struct err *err)
{
	err->class = ERR_TEMPORARY;
	if (err->status[0] == '\0')
		(void)err_status(err, "4.4.1");
	return -1;
}

static int open_route(struct mx_outbound *o, struct slice destination,
	struct mx_outbound_peer *peer, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct dns_route_options options = {
		.port = o->port, .own_names = &o->own_name, .own_name_count = 1};
	struct dns_route route;
	if (!o->dns)
		return err_temporary(err, ERR_UNAVAILABLE, "this server has no resolver");
	if (dns_find_route(o->dns, destination, &options, &arena, &route, err) < 0)
		return -1;
	for (size_t i = 0; i < route.count; i++)
		if (open_host(o, &route, &route.hosts[i], &arena, peer, err) == 0)
			return 0;
	return unreachable(err);
}

static int open_smart_host(struct mx_outbound *o, struct mx_outbound_peer *peer, struct err *err)
{
	char text[NET_ADDRESS_TEXT];
	net_address_text(&o->smart_address, text);
	struct smtp_hop hop = {.host = text,
		.address = o->smart_address,
		.tls = SMTP_TLS_OPPORTUNISTIC,
		.trust = o->any};
	return open_hop(o, &hop, peer, err) < 0 ? unreachable(err) : 0;
}

int mx_outbound_open(struct mx_outbound *o, struct slice destination,
	struct mx_outbound_peer **ret_peer, struct err *err)
{
	struct mx_outbound_peer *peer = ALLOC(struct mx_outbound_peer);
	int r = o->has_smart_host ? open_smart_host(o, peer, err)
				  : open_route(o, destination, peer, err);
	if (r < 0)
		free(peer);
	else
		*ret_peer = peer;
	return r;
}

int mx_outbound_send(struct mx_outbound_peer *peer, struct queue_delivery *d, struct err *err)
{
	struct mx_sending s;
	mx_sending_begin(&s, d);
	enum smtp_sent sent = smtp_outbound_send(peer->connection, &s.t);
	bool relayed = !smtp_outbound_has(peer->connection, SMTP_HAS_DSN);
	mx_sending_tell(&s, d);
	for (size_t i = 0; i < d->count; i++) {
		struct queue_outcome *o = &d->outcomes[i];
		o->relayed = o->result == 0 && relayed;
		o->lost = sent == SMTP_SENT_IN_DOUBT && o->result < 0 && !s.recipients[i].said;
		if (!o->host[0])
			(void)snprintf(o->host, sizeof(o->host), "%s", peer->host);
	}
	mx_sending_end(&s);
	return sent == SMTP_SENT ? 0 : QUEUE_PEER_GONE;
}

void mx_outbound_close(struct mx_outbound_peer *peer)
{
	smtp_outbound_close(peer->connection);
	free(peer);
}
