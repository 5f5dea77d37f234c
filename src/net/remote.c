#include "net/remote.h"

#include "base/wait.h"

#include <netdb.h>

static bool has_port(struct slice text)
{
	ssize_t bracket = slice_find(text, ']');
	return slice_find(slice_from(text, bracket < 0 ? 0 : (size_t)bracket), ':') >= 0;
}

/* Of names and IPs; "%" stands before an interface. */
static bool is_of_host(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == ':' || c == '%';
}

/* "host:port", "[v6]:port", or without a port where there is one to take. */
static bool take_host(struct net_remote *r, struct slice text, const char *port)
{
	struct slice number = slice_str(port), host = text;
	uint64_t value;
	if (has_port(text)) {
		size_t colon = text.len;
		while (text.ptr[colon - 1] != ':')
			colon--;
		number = slice_from(text, colon);
		host = slice_sub(text, 0, colon - 1);
	}
	if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
		host = slice_sub(host, 1, host.len - 2);
	else if (slice_find(host, ':') >= 0)
		return false;
	if (host.len == 0 || host.len >= NET_REMOTE_HOST_MAX ||
		!slice_to_u64(number, UINT16_MAX, &value) || value == 0)
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (!is_of_host(host.ptr[i]))
			return false;
	(void)snprintf(r->host, sizeof(r->host), "%.*s", SLICE_ARG(host));
	(void)snprintf(r->port, sizeof(r->port), "%u", (unsigned)value);
	return true;
}

int net_remote_parse(
	struct slice text, const char *port, struct net_remote *ret_remote, struct err *err)
{
	*ret_remote = (struct net_remote){0};
	if (slice_starts(text, SLICE("unix:")))
		return net_address_parse(text, &ret_remote->address, err);
	ret_remote->tls = slice_starts(text, SLICE("tls:"));
	if (take_host(ret_remote, slice_from(text, ret_remote->tls ? 4 : 0), port))
		return 0;
	return err_permanent(err, ERR_BAD_INPUT,
		"\"%.*s\" is no server, expected one like tls:host:port",
		SLICE_ARG(slice_sub(text, 0, 200)));
}

int net_remote_look_up(const struct net_remote *r,
	struct net_address ret_addresses[NET_REMOTE_ADDRESSES_MAX], size_t *ret_count,
	struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found;
	*ret_count = 0;
	if (r->address.len > 0) {
		ret_addresses[(*ret_count)++] = r->address;
		return 0;
	}
	wait_block_begin();
	int code = getaddrinfo(r->host, r->port, &hints, &found);
	wait_block_end();
	if (code != 0)
		return err_temporary(
			err, ERR_UNAVAILABLE, "can't look up %s: %s", r->host, gai_strerror(code));
	for (const struct addrinfo *a = found; a && *ret_count < NET_REMOTE_ADDRESSES_MAX;
		a = a->ai_next) {
		struct net_address *address = &ret_addresses[(*ret_count)++];
		*address = (struct net_address){.len = a->ai_addrlen};
		memcpy(&address->storage, a->ai_addr, a->ai_addrlen);
	}
	freeaddrinfo(found);
	return 0;
}
