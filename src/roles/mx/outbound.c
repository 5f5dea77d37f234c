/* Hosts are tried in their order, each address of each, until one takes a connection; what the last
 * of them said is the reason when none does. Opportunistic TLS that breaks is done without, on a
 * connection of its own; what DANE asks for is not. */
#include "roles/mx/outbound.h"

#include "base/alloc.h"
#include "base/log.h"
#include "dns/dane.h"
#include "dns/idn.h"
#include "net/layer.h"
#include "queue/destination.h"
#include "roles/fetch.h"
#include "roles/mx/own.h"
#include "roles/mx/sending.h"
#include "roles/mx/sts.h"
#include "roles/mx/tls_sessions.h"
#include "smtp/outbound.h"

enum { HOST_MAX = 256 };

struct mx_outbound {
	struct role *role;
	struct dns *dns;
	struct net_tls_client *any;      /* takes any certificate */
	struct net_tls_client *verifies; /* by the authorities */
	struct net_tls_client *tests;    /* the same, and takes any */
	struct reports *reports;         /* NULL: nothing is counted */
	struct mx_sts sts;
	struct smtp_outbound_options options;
	struct slice own_name;
	struct mx_own own;
	size_t addresses_max; /* that are tried; 0: as many as usual */
	uint16_t port;        /* of others */
	struct conf_transport smart_host;
	struct slice *domains; /* of transports, in A-labels; in `arena` */
	struct arena arena;
	char smart_address[NET_ADDRESS_TEXT];
};

struct mx_outbound_peer {
	struct smtp_outbound *connection;
	char host[HOST_MAX];
};

/* It is a transport for all. */
static int set_smart_host(struct mx_outbound *o, const char *text, struct err *err)
{
	struct net_address address;
	if (text[0] == '\0')
		return 0;
	if (net_address_parse(slice_str(text), &address, err) < 0)
		return err_prefix(err, "mx.outbound.smart_host");
	net_address_host(&address, o->smart_address);
	o->smart_host = (struct conf_transport){.domain = "*",
		.host = o->smart_address,
		.port = net_address_port(&address),
		.user = "",
		.password = ""};
	return 0;
}

/* As destinations are called, so that they can be compared. ".example.net" has its dot in front. */
static int name_transports(struct mx_outbound *o, struct err *err)
{
	const struct conf_mx *conf = &o->role->settings->mx;
	o->domains = ARENA_ARRAY(&o->arena, struct slice, conf->transport_count + 1);
	for (size_t i = 0; i < conf->transport_count; i++) {
		struct slice domain = slice_str(conf->transports[i].domain), name = domain;
		bool below = slice_starts(domain, SLICE("."));
		if (!dns_name_to_ascii(slice_from(domain, below), &o->arena, &name))
			return err_permanent(err, ERR_BAD_INPUT,
				"mx.transport \"%s\": its label must be a domain",
				conf->transports[i].domain);
		o->domains[i] =
			below ? slice_str(arena_printf(&o->arena, ".%.*s", SLICE_ARG(name))) : name;
	}
	return 0;
}

static int trust(struct mx_outbound *o, struct err *err)
{
	const char *authorities = o->role->settings->mx.outbound.authorities;
	if (net_tls_client_new(authorities[0] ? authorities : NULL, true, &o->verifies, err) < 0)
		return err_prefix(err, "mx.outbound.authorities");
	if (net_tls_client_new_lenient(authorities[0] ? authorities : NULL, &o->tests, err) < 0)
		return -1;
	return net_tls_client_new(NULL, false, &o->any, err);
}

int mx_outbound_new(struct role *role, struct dns *dns, struct store *store,
	struct mx_outbound **ret_outbound, struct err *err)
{
	const struct conf_outbound *conf = &role->settings->mx.outbound;
	struct mx_outbound *o = ALLOC(struct mx_outbound);
	*ret_outbound = o;
	o->role = role;
	o->dns = dns;
	o->port = (uint16_t)conf->port;
	o->sts = (struct mx_sts){.dns = dns,
		.store = store,
		.authorities = conf->authorities,
		.port = (uint16_t)conf->https_port};
	o->own_name = slice_str(role->settings->hostname);
	o->options = (struct smtp_outbound_options){
		.hostname = role->settings->hostname, .spool_dir_fd = role->spool_fd};
	mx_own_find(&o->own, role, o->port);
	if (name_transports(o, err) < 0 || set_smart_host(o, conf->smart_host, err) < 0)
		return -1;
	if (conf->mta_sts)
		fetch_begin();
	return trust(o, err);
}

void mx_outbound_free(struct mx_outbound *o)
{
	if (!o)
		return;
	net_tls_client_free(o->any);
	net_tls_client_free(o->verifies);
	net_tls_client_free(o->tests);
	mx_own_deinit(&o->own);
	arena_free(&o->arena);
	free(o);
}

void mx_outbound_report_to(struct mx_outbound *o, struct reports *reports)
{
	o->reports = reports;
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

/* 0, or negative: another host may do better. `session` NULL: nobody asks how TLS went. */
static int open_hop(struct mx_outbound *o, struct smtp_hop *hop,
	const struct mx_tls_session *session, struct mx_outbound_peer *peer, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct smtp_opening opening;
	int r = smtp_outbound_open(hop, &o->options, &arena, &opening, &peer->connection, err);
	if (session)
		mx_tls_session_opened(session, hop, &opening);
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

/* A route and what its domain demands. */
struct demands {
	struct dns_route route;
	struct mx_sts_found sts;
	enum queue_tls tls;
	struct reports *reports; /* where sessions are counted; NULL: they are not */
};

static int verify(const struct mx_outbound *o, const char *by, struct smtp_hop *hop)
{
	hop->tls = SMTP_TLS_REQUIRED;
	hop->trust = o->verifies;
	hop->verified_by = by;
	return 0;
}

/* RFC 8689 section 4.2.1: the host's name must be vouched for, by DNSSEC or by a policy in whatever
 * mode, and its certificate must fit it. */
static int choose_for_requiretls(const struct mx_outbound *o, const struct demands *demands,
	const struct dns_exchanger *host, struct smtp_hop *hop, struct err *err)
{
	if (demands->sts.policy.mode != DNS_MTA_STS_NONE &&
		dns_mta_sts_has_mx(&demands->sts.policy, host->name))
		return verify(o, "sts", hop);
	if (demands->route.secure && !demands->route.literal)
		return verify(o, "name", hop);
	(void)err_permanent(err, ERR_DENIED,
		"REQUIRETLS: nothing vouches for %s as the domain's host", hop->host);
	return err_status(err, "5.7.30");
}

/* Where DANE has no word, the domain's policy counts (RFC 8461 section 2). */
static int choose_by_policy(const struct mx_outbound *o, const struct demands *demands,
	const struct dns_exchanger *host, struct smtp_hop *hop, struct err *err)
{
	if (demands->tls == QUEUE_TLS_REQUIRED)
		return choose_for_requiretls(o, demands, host, hop, err);
	if (demands->sts.policy.mode == DNS_MTA_STS_TESTING)
		hop->trust = o->tests;
	if (demands->sts.policy.mode != DNS_MTA_STS_ENFORCE)
		return 0;
	if (!dns_mta_sts_has_mx(&demands->sts.policy, host->name)) {
		(void)err_temporary(
			err, ERR_DENIED, "%s is no host of the domain's MTA-STS policy", hop->host);
		return err_status(err, "4.7.5");
	}
	return verify(o, "sts", hop);
}

/* What the DNS asks for at this host. */
static int choose_tls(struct mx_outbound *o, const struct demands *demands,
	const struct dns_exchanger *host, struct arena *arena, struct mx_tls_session *session,
	struct smtp_hop *hop, struct err *err)
{
	struct dns_dane *dane = ARENA_NEW(arena, struct dns_dane);
	hop->tls = SMTP_TLS_OPPORTUNISTIC;
	hop->trust = o->any;
	if (demands->tls == QUEUE_TLS_WAIVED)
		return 0;
	int r = dns_find_dane(o->dns, &demands->route, host, o->port, arena, dane, err);
	if (r < 0) {
		mx_tls_session_unknown(session, err);
		return r;
	}
	session->dane = dane;
	if (dane->demand == DNS_DANE_NONE ||
		(dane->demand != DNS_DANE_VERIFY && demands->tls == QUEUE_TLS_REQUIRED)) {
		r = choose_by_policy(o, demands, host, hop, err);
		if (r < 0)
			mx_tls_session_refused(session);
		return r;
	}
	hop->tls = SMTP_TLS_REQUIRED;
	if (dane->demand == DNS_DANE_VERIFY) {
		hop->dane = &dane->tls;
		hop->verified_by = "dane";
	}
	return 0;
}

/* What demands TLS goes only to hosts that pass the demand on; another one may do so. */
static int check_offer(enum queue_tls tls, struct mx_outbound_peer *peer, struct err *err)
{
	if (tls != QUEUE_TLS_REQUIRED || smtp_outbound_has(peer->connection, SMTP_HAS_REQUIRETLS))
		return 0;
	smtp_outbound_close(peer->connection);
	(void)err_permanent(err, ERR_DENIED, "REQUIRETLS: %s does not offer it", peer->host);
	return err_status(err, "5.7.30");
}

static int open_host(struct mx_outbound *o, const struct demands *demands,
	const struct dns_exchanger *host, struct arena *arena, struct mx_outbound_peer *peer,
	struct err *err)
{
	struct smtp_hop hop = {.host = arena_copy(arena, host->name).ptr};
	struct mx_tls_session session = {.reports = demands->reports,
		.domain = demands->route.domain,
		.sts = &demands->sts,
		.host = host->name};
	if (choose_tls(o, demands, host, arena, &session, &hop, err) < 0)
		return -1;
	enum smtp_tls_mode tls = hop.tls;
	for (size_t i = 0; i < host->count; i++) {
		hop.address = host->addresses[i];
		hop.tls = tls;
		if (open_hop(o, &hop, &session, peer, err) == 0)
			return check_offer(demands->tls, peer, err);
	}
	return -1;
}

static int find_policy(
	struct mx_outbound *o, struct demands *d, struct arena *arena, struct err *err)
{
	if (!o->role->settings->mx.outbound.mta_sts || d->tls == QUEUE_TLS_WAIVED ||
		d->route.literal)
		return 0;
	if (mx_sts_find(&o->sts, d->route.domain, arena, &d->sts, err) < 0)
		return -1;
	const struct mx_tls_session session = {
		.reports = d->reports, .domain = d->route.domain, .sts = &d->sts};
	mx_tls_session_without_policy(&session);
	return 0;
}

/* The host has no TLS, or not what is demanded of it, and will not have it for being asked again.
 */
static bool is_hopeless(enum queue_tls tls, const struct err *err)
{
	struct slice status = slice_str(err->status);
	return tls == QUEUE_TLS_REQUIRED &&
	       (slice_ends(status, SLICE(".7.4")) || slice_eq(status, SLICE("5.7.30")));
}

/* No host takes mail. Only what the DNS says is for good, and that a message which demands TLS
 * can't have it (RFC 8689 section 4.2.1). */
static int unreachable(enum queue_tls tls, struct err *err)
{
	if (is_hopeless(tls, err)) {
		err->class = ERR_PERMANENT;
		return err_status(err, "5.7.30");
	}
	err->class = ERR_TEMPORARY;
	if (err->status[0] == '\0')
		(void)err_status(err, "4.4.1");
	return -1;
}

static int open_route(struct mx_outbound *o, struct slice domain, enum queue_tls tls,
	struct mx_outbound_peer *peer, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct dns_route_options options = {.port = o->port,
		.own_names = &o->own_name,
		.own_name_count = 1,
		.own_addresses = o->own.addresses,
		.own_address_count = o->own.count,
		.addresses_max = o->addresses_max};
	/* How a report of TLS went is not reported: two servers would do so for ever. */
	struct demands demands = {.sts.policy.mode = DNS_MTA_STS_NONE,
		.tls = tls,
		.reports = tls == QUEUE_TLS_WAIVED ? NULL : o->reports};
	const struct dns_route *route = &demands.route;
	if (!o->dns)
		return err_temporary(err, ERR_UNAVAILABLE, "this server has no resolver");
	if (dns_find_route(o->dns, domain, &options, &arena, &demands.route, err) < 0)
		return -1;
	if (find_policy(o, &demands, &arena, err) < 0)
		return unreachable(tls, err);
	struct err later = {0}; /* why a host can't be used now that may be tried again */
	for (size_t i = 0; i < route->count; i++) {
		if (open_host(o, &demands, &route->hosts[i], &arena, peer, err) == 0)
			return 0;
		if (!is_hopeless(tls, err))
			later = *err;
	}
	if (later.text[0])
		*err = later;
	return unreachable(tls, err);
}

/* The domain's own one; else that of the longest name above it; else that for all. */
static const struct conf_transport *find_transport(
	const struct mx_outbound *o, struct slice destination)
{
	const struct conf_mx *conf = &o->role->settings->mx;
	const struct conf_transport *best = NULL;
	size_t best_len = 0;
	for (size_t i = 0; i < conf->transport_count; i++) {
		struct slice domain = o->domains[i];
		bool all = slice_eq(domain, SLICE("*"));
		bool below = !all && slice_starts(domain, SLICE(".")) &&
			     destination.len > domain.len &&
			     dns_name_eq(slice_from(destination, destination.len - domain.len + 1),
				     slice_from(domain, 1)) &&
			     destination.ptr[destination.len - domain.len] == '.';
		if (dns_name_eq(domain, destination))
			return &conf->transports[i];
		if ((all || below) && (!best || domain.len > best_len)) {
			best = &conf->transports[i];
			best_len = all ? 0 : domain.len;
		}
	}
	return best ? best : o->smart_host.host ? &o->smart_host : NULL;
}

static int open_address(struct mx_outbound *o, const struct conf_transport *t, enum queue_tls tls,
	const struct net_address *address, struct mx_outbound_peer *peer, struct err *err)
{
	static const enum smtp_tls_mode TLS[] = {
		[CONF_TRANSPORT_OPPORTUNISTIC] = SMTP_TLS_OPPORTUNISTIC,
		[CONF_TRANSPORT_REQUIRED] = SMTP_TLS_REQUIRED,
		[CONF_TRANSPORT_VERIFY] = SMTP_TLS_REQUIRED,
		[CONF_TRANSPORT_NONE] = SMTP_TLS_NONE,
	};
	struct smtp_hop hop = {.host = t->host,
		.address = *address,
		.tls = TLS[t->tls],
		.trust = o->any,
		.user = slice_str(t->user),
		.password = slice_str(t->password)};
	if (t->tls == CONF_TRANSPORT_VERIFY || tls == QUEUE_TLS_REQUIRED)
		(void)verify(o, "name", &hop);
	return open_hop(o, &hop, NULL, peer, err) < 0 ? -1 : check_offer(tls, peer, err);
}

static bool is_ip(const struct conf_transport *t, struct net_address *ret_address)
{
	char text[HOST_MAX + 16];
	bool bare_v6 = slice_find(slice_str(t->host), ':') >= 0 && t->host[0] != '[';
	(void)snprintf(
		text, sizeof(text), bare_v6 ? "[%s]:%u" : "%s:%u", t->host, (unsigned)t->port);
	struct err ignored;
	return strcmp(t->host, "*") != 0 &&
	       net_address_parse(slice_str(text), ret_address, &ignored) == 0;
}

static int open_transport(struct mx_outbound *o, const struct conf_transport *t, enum queue_tls tls,
	struct mx_outbound_peer *peer, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	const struct dns_route_options options = {.port = (uint16_t)t->port};
	struct dns_route route;
	struct net_address address;
	if (is_ip(t, &address))
		return open_address(o, t, tls, &address, peer, err) < 0 ? unreachable(tls, err) : 0;
	if (!o->dns)
		return err_temporary(err, ERR_UNAVAILABLE, "this server has no resolver");
	/* A name that is not there is a slip in the config: mail waits until it is mended. */
	if (dns_find_host(o->dns, slice_str(t->host), &options, &arena, &route, err) < 0)
		return unreachable(tls, err);
	for (size_t i = 0; i < route.hosts[0].count; i++)
		if (open_address(o, t, tls, &route.hosts[0].addresses[i], peer, err) == 0)
			return 0;
	return unreachable(tls, err);
}

int mx_outbound_open(struct mx_outbound *o, struct slice destination,
	struct mx_outbound_peer **ret_peer, struct err *err)
{
	struct mx_outbound_peer *peer = ALLOC(struct mx_outbound_peer);
	struct slice domain;
	enum queue_tls tls = queue_destination_read(destination, &domain);
	const struct conf_transport *t = find_transport(o, domain);
	int r = t ? open_transport(o, t, tls, peer, err) : open_route(o, domain, tls, peer, err);
	if (r < 0)
		free(peer);
	else
		*ret_peer = peer;
	return r;
}

/* A client waits for what comes of it: so nobody else is asked, and not for long. */
int mx_outbound_probe(struct mx_outbound *o, struct slice domain,
	const struct envelope_path *recipient, unsigned timeout_ms, struct err *err)
{
	struct mx_outbound hasty = *o;
	struct mx_outbound_peer *peer;
	hasty.addresses_max = 2;
	hasty.options.patience = (struct smtp_patience){
		.connect = timeout_ms, .greeting = timeout_ms, .command = timeout_ms};
	if (mx_outbound_open(&hasty, domain, &peer, err) < 0)
		return -1;
	int r = smtp_outbound_probe(peer->connection, recipient, err);
	mx_outbound_close(peer);
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
