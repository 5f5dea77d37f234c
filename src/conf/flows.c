/* By block: first what it listens on, then where it connects to. */
#include "conf/flows.h"

enum {
	DNS_PORT = 53,
	LDAP_PORT = 389,
	LDAPS_PORT = 636,
	HTTPS_PORT = 443,
	HTTP_PORT = 80,
	MOVE_PORT = 8130
};

struct walk {
	const struct conf_settings *settings;
	conf_flow_fn *each;
	void *context;
	bool behind;
	const char *role;
};

static bool is_local(struct slice host)
{
	return slice_starts(host, SLICE("127.")) || slice_eq(host, SLICE("::1")) ||
	       slice_eq_nocase(host, SLICE("localhost"));
}

/* "192.0.2.1:25", "[2001:db8::1]:25", "tls:name:24"; false: a Unix socket, or nothing. */
static bool split(const char *address, struct slice *ret_host, unsigned *ret_port)
{
	struct slice text = slice_str(address);
	uint64_t port;
	if (text.len == 0 || slice_starts(text, SLICE("unix:")))
		return false;
	if (slice_starts(text, SLICE("tls:")))
		text = slice_from(text, 4);
	size_t colon = text.len;
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0 || !slice_to_u64(slice_from(text, colon), UINT16_MAX, &port))
		return false;
	struct slice host = slice_sub(text, 0, colon - 1);
	if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
		host = slice_sub(host, 1, host.len - 2);
	*ret_host = host;
	*ret_port = (unsigned)port;
	return true;
}

static void listens_for(struct walk *w, const char *what, const char *address,
	enum conf_flow_who who, const struct conf_list *list, const char *option)
{
	struct conf_flow flow = {.in = true,
		.role = w->role,
		.what = what,
		.who = who,
		.list = list,
		.option = option};
	if (split(address, &flow.host, &flow.port) && !is_local(flow.host))
		w->each(w->context, &flow);
}

static void goes_to(struct walk *w, const char *what, struct slice host, unsigned port, bool udp)
{
	struct conf_flow flow = {
		.role = w->role, .what = what, .host = host, .port = port, .udp = udp};
	if (!is_local(host))
		w->each(w->context, &flow);
}

static void goes_to_address(struct walk *w, const char *what, const char *address)
{
	struct slice host;
	unsigned port;
	if (split(address, &host, &port))
		goes_to(w, what, host, port, false);
}

static void goes_to_each(struct walk *w, const char *what, const struct conf_list *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		goes_to_address(w, what, addresses->items[i]);
}

/* "ldaps://host:636 ldap://host", "https://host/directory": `ports` of the scheme with s and
 * without. */
static void goes_to_urls(
	struct walk *w, const char *what, const char *urls, unsigned with_tls, unsigned without)
{
	for (struct slice rest = slice_str(urls); rest.len > 0;) {
		struct slice url = slice_cut(&rest, ' '), scheme = url;
		ssize_t at = slice_search(url, SLICE("://"));
		uint64_t port;
		if (at <= 0)
			continue;
		scheme.len = (size_t)at;
		struct slice host = slice_from(url, (size_t)at + 3);
		host = slice_cut(&host, '/');
		struct slice number = {NULL, 0};
		if (slice_starts(host, SLICE("["))) {
			number = host;
			host = slice_from(slice_cut(&number, ']'), 1);
			number = slice_starts(number, SLICE(":")) ? slice_from(number, 1) : number;
		} else {
			number = host;
			host = slice_cut(&number, ':');
		}
		if (host.len == 0 || slice_eq_nocase(scheme, SLICE("ldapi")))
			continue;
		if (!slice_to_u64(number, UINT16_MAX, &port) || port == 0)
			port = slice_ends(scheme, SLICE("s")) ? with_tls : without;
		goes_to(w, what, host, (unsigned)port, false);
	}
}

/* Where names are asked for. */
static void asks_dns(struct walk *w)
{
	const struct conf_dns *dns = &w->settings->dns;
	struct slice host;
	unsigned port;
	if (dns->servers.count == 0)
		for (int udp = 0; udp < 2; udp++)
			goes_to(w, "DNS", SLICE("*"), DNS_PORT, udp);
	for (size_t i = 0; i < dns->servers.count; i++)
		for (int udp = 0; udp < 2 && split(dns->servers.items[i], &host, &port); udp++)
			goes_to(w, "DNS", host, port, udp);
	for (size_t z = 0; z < dns->zone_count; z++)
		for (size_t i = 0; i < dns->zones[z].servers.count; i++)
			for (int udp = 0; udp < 2; udp++)
				if (split(dns->zones[z].servers.items[i], &host, &port))
					goes_to(w, "DNS", host, port, udp);
}

/* Who alone may speak there when the machine is behind front ends, and who to its authmod. */
struct speakers {
	const struct conf_list *own, *authmod;
	const char *option, *authmod_option;
};

static void listens(struct walk *w, const struct conf_listens *all, const struct speakers *speakers)
{
	const struct conf_settings *s = w->settings;
	for (size_t i = 0; i < all->count; i++) {
		const struct conf_listen *l = &all->items[i];
		const char *what = conf_protocol_name(l->protocol);
		if (l->proxy)
			listens_for(w, what, l->address, CONF_FLOW_LISTED, &s->proxy_trusted,
				"proxy_trusted");
		else if (l->protocol == CONF_AUTHMOD)
			listens_for(w, what, l->address, CONF_FLOW_LISTED, speakers->authmod,
				speakers->authmod_option);
		else if (l->protocol == CONF_MOVE)
			listens_for(w, what, l->address, CONF_FLOW_LISTED, &s->store.move_trusted,
				"store.move_trusted");
		else if (l->protocol == CONF_LMTP || w->behind)
			listens_for(w, what, l->address, CONF_FLOW_LISTED, speakers->own,
				speakers->option);
		else
			listens_for(w, what, l->address, CONF_FLOW_ANYBODY, NULL, "");
	}
}

static void mirror(struct walk *w, const struct conf_mirror *conf)
{
	struct conf_flow flow = {.in = true,
		.role = w->role,
		.what = "mirror",
		.who = CONF_FLOW_MIRROR,
		.option = "rookery mirror pair"};
	if (!split(conf->listen, &flow.host, &flow.port))
		return;
	w->each(w->context, &flow);
	flow.in = false;
	flow.host = SLICE("*");
	w->each(w->context, &flow);
}

/* Of a role that looks users up by the block directory. */
static void asks_directory(struct walk *w)
{
	const struct conf_directory *d = &w->settings->directory;
	if (d->driver == CONF_DIRECTORY_LDAP)
		goes_to_urls(w, "directory", d->ldap.servers, LDAPS_PORT, LDAP_PORT);
	if (d->driver == CONF_DIRECTORY_POSTGRESQL)
		goes_to_each(w, "directory", &d->postgresql.servers);
	if (d->driver == CONF_DIRECTORY_AUTHMOD)
		goes_to_each(w, "directory", &d->authmod.servers);
}

/* "store1.example.org", "[2001:db8::1]:993": its host, and its port when it names one. */
static struct slice place(struct slice item, unsigned port, unsigned *ret_port)
{
	struct slice host;
	uint64_t own;
	item = slice_trim(item);
	if (slice_starts(item, SLICE("["))) {
		host = slice_from(slice_cut(&item, ']'), 1);
		item = slice_starts(item, SLICE(":")) ? slice_from(item, 1) : SLICE("");
	} else {
		host = slice_cut(&item, ':');
	}
	*ret_port = slice_to_u64(item, UINT16_MAX, &own) && own ? (unsigned)own : port;
	return host;
}

static bool has_remote(const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], "unix:", 5) != 0)
			return true;
	return false;
}

/* Where users live whom the directory has on other machines. */
static void mx_backends(struct walk *w, const struct conf_mx *mx)
{
	unsigned port;
	for (struct slice rest = slice_str(mx->default_host); rest.len > 0;) {
		struct slice host = place(slice_cut(&rest, ','), (unsigned)mx->backend_port, &port);
		if (host.len > 0)
			goes_to(w, "lmtp", host, port, false);
	}
	if (mx->default_host[0] || has_remote(&mx->directory) ||
		w->settings->directory.driver != CONF_DIRECTORY_INTERNAL)
		goes_to(w, "lmtp (tohost)", SLICE("*"), (unsigned)mx->backend_port, false);
}

static void mx(struct walk *w)
{
	const struct conf_mx *mx = &w->settings->mx;
	const struct speakers speakers = {
		&mx->xclient.from, &mx->authmod_trusted, "mx.xclient.from", "mx.authmod_trusted"};
	w->role = "mx";
	listens(w, &mx->listen, &speakers);
	mirror(w, &mx->mirror);
	goes_to_each(w, "store", &mx->store);
	mx_backends(w, mx);
	goes_to_each(w, "directory", &mx->directory);
	for (size_t i = 0; i < mx->milter_count; i++)
		goes_to_address(w, "milter", mx->milters[i].address);
	if (mx->outbound.smart_host[0])
		goes_to_address(w, "smart host", mx->outbound.smart_host);
	else
		goes_to(w, "servers elsewhere", SLICE("*"), (unsigned)mx->outbound.port, false);
	for (size_t i = 0; i < mx->transport_count; i++)
		goes_to(w, "transport", slice_str(mx->transports[i].host),
			(unsigned)mx->transports[i].port, false);
	if (mx->outbound.mta_sts)
		goes_to(w, "MTA-STS", SLICE("*"), (unsigned)mx->outbound.https_port, false);
	asks_dns(w);
}

static void store(struct walk *w)
{
	const struct conf_store *store = &w->settings->store;
	const struct speakers speakers = {&store->front_ends, &store->authmod_trusted,
		"store.front_ends", "store.authmod_trusted"};
	w->role = "store";
	listens(w, &store->listen, &speakers);
	mirror(w, &store->mirror);
	asks_directory(w);
	goes_to_each(w, "cluster", &w->settings->cluster.nodes);
	if (store->move_secret_file[0])
		goes_to(w, "move", SLICE("*"), MOVE_PORT, false);
	if (store->learn.on)
		goes_to_address(w, "learning", store->learn.address);
}

static unsigned or_port(uint64_t port, unsigned fallback)
{
	return port ? (unsigned)port : fallback;
}

/* A protocol's name, of its port at back ends; it has a TLS form when `implicit` is not 0. */
static unsigned backend_port(
	uint64_t told, enum conf_backend_tls tls, unsigned implicit, unsigned plain)
{
	return or_port(told, implicit && tls == CONF_BACKEND_IMPLICIT ? implicit : plain);
}

/* Does the proxy take such connections at all? */
static bool proxies(const struct conf_proxy *proxy, enum conf_protocol a, enum conf_protocol b)
{
	for (size_t i = 0; i < proxy->listen.count; i++)
		if (proxy->listen.items[i].protocol == a || proxy->listen.items[i].protocol == b)
			return true;
	return false;
}

static void goes_to_backend(struct walk *w, struct slice host, enum conf_backend_tls tls,
	const struct conf_backend_ports *own, const struct conf_backend_ports *all)
{
	const struct conf_proxy *p = &w->settings->proxy;
	const struct {
		const char *what, *what_any;
		enum conf_protocol a, b;
		uint64_t own, all;
		unsigned implicit, plain;
	} rows[] = {
		{"imap", "imap (tohost)", CONF_IMAP, CONF_IMAPS, own->imap, all->imap, 993, 143},
		{"pop3", "pop3 (tohost)", CONF_POP3, CONF_POP3S, own->pop3, all->pop3, 995, 110},
		{"submission", "submission (tohost)", CONF_SUBMISSION, CONF_SUBMISSIONS,
			own->submission, all->submission, 465, 587},
		{"managesieve", "managesieve (tohost)", CONF_MANAGESIEVE, CONF_MANAGESIEVE,
			own->managesieve, all->managesieve, 0, 4190},
		{"http", "http (tohost)", CONF_HTTP, CONF_HTTPS, own->http, all->http,
			tls == CONF_BACKEND_STARTTLS ? 0 : HTTPS_PORT,
			tls == CONF_BACKEND_STARTTLS ? HTTPS_PORT : HTTP_PORT},
		{"smtp", "smtp (tohost)", CONF_SMTP, CONF_SMTP, own->smtp, all->smtp, 0, 25},
		{"lmtp", "lmtp (tohost)", CONF_LMTP, CONF_LMTP, own->lmtp, all->lmtp, 0, 24},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (proxies(p, rows[i].a, rows[i].b))
			goes_to(w, slice_eq(host, SLICE("*")) ? rows[i].what_any : rows[i].what,
				host,
				backend_port(rows[i].own ? rows[i].own : rows[i].all, tls,
					rows[i].implicit, rows[i].plain),
				false);
}

static bool has_block(const struct conf_proxy *proxy, struct slice host)
{
	for (size_t i = 0; i < proxy->backend_count; i++)
		if (slice_eq_nocase(host, slice_str(proxy->backends[i].name)))
			return true;
	return false;
}

/* The settings know default_host and the blocks backend; where else users live, the directory says.
 */
static void proxy(struct walk *w)
{
	const struct conf_proxy *p = &w->settings->proxy;
	const struct speakers speakers = {
		&p->front_ends, &p->authmod_trusted, "proxy.front_ends", "proxy.authmod_trusted"};
	unsigned port;
	w->role = "proxy";
	listens(w, &p->listen, &speakers);
	goes_to_each(w, "directory", &p->directory);
	if (p->directory.count == 0)
		asks_directory(w);
	goes_to_each(w, "cluster", &w->settings->cluster.nodes);
	for (struct slice rest = slice_str(p->default_host); rest.len > 0;) {
		struct slice host = place(slice_cut(&rest, ','), 0, &port);
		if (host.len > 0 && !has_block(p, host))
			goes_to_backend(w, host, p->backend_tls, &p->ports, &p->ports);
	}
	for (size_t i = 0; i < p->backend_count; i++) {
		const struct conf_backend *b = &p->backends[i];
		goes_to_backend(w, slice_str(b->address[0] ? b->address : b->name),
			b->tls == CONF_BACKEND_AS_PROXY ? p->backend_tls : b->tls, &b->ports,
			&p->ports);
	}
	goes_to_backend(w, SLICE("*"), p->backend_tls, &p->ports, &p->ports);
	asks_dns(w);
}

static void web(struct walk *w)
{
	const struct speakers speakers = {
		.own = &w->settings->proxy_trusted, .option = "proxy_trusted"};
	w->role = "web";
	listens(w, &w->settings->web.listen, &speakers);
}

static void acme(struct walk *w)
{
	const struct conf_acme *acme = &w->settings->tls.acme;
	w->role = w->settings->mx.on ? "mx" : "store";
	if (acme->challenge == CONF_ACME_HTTP)
		listens_for(w, "ACME", acme->http_listen, CONF_FLOW_ANYBODY, NULL, "");
	else
		listens_for(w, "ACME", acme->tls_listen, CONF_FLOW_ANYBODY, NULL, "");
	goes_to_urls(w, "ACME", acme->directory, HTTPS_PORT, HTTP_PORT);
}

void conf_flows(
	const struct conf_settings *settings, bool behind, conf_flow_fn *each, void *context)
{
	struct walk w = {.settings = settings, .each = each, .context = context, .behind = behind};
	if (settings->mx.on)
		mx(&w);
	if (settings->store.on)
		store(&w);
	if (settings->proxy.on)
		proxy(&w);
	if (settings->web.on)
		web(&w);
	if (settings->tls.acme.on)
		acme(&w);
	w.role = "";
	if (settings->metrics.on)
		listens_for(&w, "health", settings->metrics.listen, CONF_FLOW_MONITORING, NULL, "");
}
