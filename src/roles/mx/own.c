/* By the role's listeners; one that listens on all addresses has those of the interfaces. */
#include "roles/mx/own.h"

#include "base/alloc.h"
#include "base/log.h"

#include <ifaddrs.h>
#include <netinet/in.h>

static void add_own(struct mx_own *own, const struct net_address *address)
{
	own->addresses = alloc_resize(own->addresses, own->count + 1, sizeof(*own->addresses));
	own->addresses[own->count] = *address;
	net_address_normalise(&own->addresses[own->count++]);
}

static socklen_t size_of(const struct sockaddr *address)
{
	return address->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
	       : address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						: 0;
}

static void add_interfaces(struct mx_own *own)
{
	struct ifaddrs *all;
	if (getifaddrs(&all) < 0) {
		log_warn(NULL, "the addresses of this machine can't be told");
		return;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct net_address address = {.len = i->ifa_addr ? size_of(i->ifa_addr) : 0};
		if (address.len == 0)
			continue;
		memcpy(&address.storage, i->ifa_addr, address.len);
		add_own(own, &address);
	}
	freeifaddrs(all);
}

static bool is_any(const struct net_address *address)
{
	static const uint8_t V4[16] = {[10] = 0xff, [11] = 0xff}, V6[16] = {0};
	uint8_t ip[16];
	return net_address_bytes(address, ip) &&
	       (memcmp(ip, V4, sizeof(ip)) == 0 || memcmp(ip, V6, sizeof(ip)) == 0);
}

void mx_own_find(struct mx_own *own, const struct role *role, uint16_t port)
{
	for (size_t i = 0; i < role->listener_count; i++) {
		const struct role_listener *l = &role->listeners[i];
		struct net_address address = {.len = sizeof(address.storage)};
		if (l->is_unix || l->protocol != CONF_SMTP ||
			getsockname(l->fd, (struct sockaddr *)&address.storage, &address.len) < 0 ||
			net_address_port(&address) != port)
			continue;
		if (is_any(&address))
			add_interfaces(own);
		else
			add_own(own, &address);
	}
}

void mx_own_deinit(struct mx_own *own)
{
	free(own->addresses);
	*own = (struct mx_own){0};
}
