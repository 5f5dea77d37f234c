/* Settings into options. */
#include "roles/resolver.h"

#include "dns/resolver.h"

static int read_servers(const struct conf_list *list, struct arena *arena,
	const struct net_address **ret_servers, struct err *err)
{
	struct net_address *servers = ARENA_ARRAY(arena, struct net_address, list->count);
	for (size_t i = 0; i < list->count; i++)
		if (net_address_parse(slice_str(list->items[i]), &servers[i], err) < 0)
			return -1;
	*ret_servers = servers;
	return 0;
}

static int read_zone(const struct conf_dns_zone *conf, struct arena *arena, struct dns_zone *zone,
	struct err *err)
{
	if (conf->name[0] == '\0')
		return err_permanent(
			err, ERR_BAD_INPUT, "a block dns.zone has no name: zone example.org { … }");
	zone->name = conf->name;
	zone->count = conf->servers.count;
	zone->is_signed = conf->is_signed;
	return read_servers(&conf->servers, arena, &zone->servers, err);
}

/* "": none. */
static const char *file(const char *path)
{
	return path[0] ? path : NULL;
}

int resolver_open(const struct conf_dns *settings, struct dns **ret_dns, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_zone *zones = ARENA_ARRAY(&arena, struct dns_zone, settings->zone_count);
	struct dns_resolver_options options = {
		.server_count = settings->servers.count,
		.resolv_conf = file(settings->resolv_conf),
		.root_key = file(settings->root_key),
		.anchors = file(settings->anchors),
		.zones = zones,
		.zone_count = settings->zone_count,
		.timeout_ms = (unsigned)settings->timeout_ms,
	};
	if (read_servers(&settings->servers, &arena, &options.servers, err) < 0)
		return -1;
	for (size_t i = 0; i < settings->zone_count; i++)
		if (read_zone(&settings->zones[i], &arena, &zones[i], err) < 0)
			return -1;
	return dns_resolver_new(&options, ret_dns, err);
}
