/* Options into those of libunbound. */
#include "dns/resolver_internal.h"

#include "base/errno_here.h"

#include <unistd.h>

static int refused(struct err *err, const char *what, int failure)
{
	return failure == 0
		       ? 0
		       : err_permanent(err, ERR_BAD_INPUT, "%s: %s", what, ub_strerror(failure));
}

static int set(struct ub_ctx *u, const char *option, const char *value, struct err *err)
{
	return refused(err, option, ub_ctx_set_option(u, option, value));
}

/* As libunbound wants it: "192.0.2.1@53". */
static const char *server_text(const struct net_address *address, char text[NET_ADDRESS_TEXT + 8])
{
	char host[NET_ADDRESS_TEXT];
	net_address_host(address, host);
	(void)snprintf(text, NET_ADDRESS_TEXT + 8, "%s@%u", host, net_address_port(address));
	return text;
}

static int set_servers(
	struct ub_ctx *u, const struct dns_resolver_options *options, struct err *err)
{
	char text[NET_ADDRESS_TEXT + 8];
	if (options->resolv_conf)
		return refused(
			err, options->resolv_conf, ub_ctx_resolvconf(u, options->resolv_conf));
	for (size_t i = 0; i < options->server_count; i++) {
		const char *server = server_text(&options->servers[i], text);
		if (refused(err, server, ub_ctx_set_fwd(u, server)) < 0)
			return -1;
	}
	return 0;
}

static int set_zone(struct ub_ctx *u, const struct dns_zone *zone, struct err *err)
{
	char text[NET_ADDRESS_TEXT + 8];
	for (size_t i = 0; i < zone->count; i++)
		if (refused(err, zone->name,
			    ub_ctx_set_stub(
				    u, zone->name, server_text(&zone->servers[i], text), 0)) < 0)
			return -1;
	return zone->is_signed ? 0 : set(u, "domain-insecure:", zone->name, err);
}

static int set_anchors(struct ub_ctx *u, const char *file, struct err *err)
{
	if (!file)
		return 0;
	if (access(file, R_OK) < 0)
		return err_permanent(
			err, ERR_ABSENT, "trust anchors: %s: %s", file, strerror(errno));
	return refused(err, file, ub_ctx_add_ta_file(u, file));
}

/* The library's own defaults are for a program that asks now and then: 16 questions on their way at
 * once, so that as many silent name servers hold up all others. */
static const struct {
	const char *option, *value;
} SIZES[] = {
	{"outgoing-range:", "256"}, /* sockets, each opened when needed */
	{"outgoing-num-tcp:", "32"}, {"msg-cache-size:", "8m"}, {"rrset-cache-size:", "16m"},
	{"key-cache-size:", "4m"}, {"neg-cache-size:", "1m"},
	{"cache-max-negative-ttl:", "900"}, /* seconds; a record that was made is seen soon */
};

int dns_resolver_set_up(
	struct ub_ctx *u, const struct dns_resolver_options *options, struct err *err)
{
	bool asks_own = options->server_count || options->resolv_conf || options->zone_count;
	if (set_servers(u, options, err) < 0 || set_anchors(u, options->root_key, err) < 0 ||
		set_anchors(u, options->anchors, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(SIZES); i++)
		if (set(u, SIZES[i].option, SIZES[i].value, err) < 0)
			return -1;
	/* 127.0.0.1 as a name server is an operator's own, or somebody's trick. His own know
	 * private addresses, too, which are not signed. */
	if (set(u, "do-not-query-localhost:", asks_own ? "no" : "yes", err) < 0 ||
		(asks_own && (set(u, "unblock-lan-zones:", "yes", err) < 0 ||
				     set(u, "insecure-lan-zones:", "yes", err) < 0)))
		return -1;
	for (size_t i = 0; i < options->zone_count; i++)
		if (set_zone(u, &options->zones[i], err) < 0)
			return -1;
	/* The first of these ends the set-up: files are read. libunbound has zones of its own that
	 * do not exist (test, 10.in-addr.arpa); what is configured does. */
	if (refused(err, "the resolver's trust anchors or servers",
		    ub_ctx_zone_remove(u, "rookery.invalid.")) < 0)
		return -1;
	for (size_t i = 0; i < options->zone_count; i++)
		if (refused(err, options->zones[i].name,
			    ub_ctx_zone_add(u, options->zones[i].name, "transparent")) < 0)
			return -1;
	return 0;
}
