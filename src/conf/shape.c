/* IP addresses are judged by inet_pton(), the rest by eye. */
#include "conf/shape.h"

#include "base/ip_range.h"

#include <arpa/inet.h>
#include <sys/un.h>

enum { HOST_MAX = 253, LABEL_MAX = 63 }; /* RFC 1035 section 2.3.4, as text */

static bool is_ip(struct slice text, int family)
{
	char copy[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, bytes) == 1;
}

static bool is_port(struct slice text)
{
	uint64_t port;
	return slice_to_u64(text, UINT16_MAX, &port) && port > 0;
}

static bool is_unix_path(struct slice path)
{
	return slice_starts(path, SLICE("/")) && path.len > 1 &&
	       path.len < sizeof(((struct sockaddr_un *)0)->sun_path);
}

bool conf_is_address(struct slice text)
{
	if (slice_starts(text, SLICE("unix:")))
		return is_unix_path(slice_from(text, 5));
	if (slice_starts(text, SLICE("["))) {
		ssize_t close = slice_find(text, ']');
		return close > 0 && is_ip(slice_sub(text, 1, (size_t)close - 1), AF_INET6) &&
		       slice_starts(slice_from(text, (size_t)close + 1), SLICE(":")) &&
		       is_port(slice_from(text, (size_t)close + 2));
	}
	ssize_t colon = slice_find(text, ':');
	if (colon < 0)
		return false;
	struct slice host = slice_sub(text, 0, (size_t)colon);
	return (slice_eq(host, SLICE("*")) || is_ip(host, AF_INET)) &&
	       is_port(slice_from(text, (size_t)colon + 1));
}

bool conf_is_network(struct slice text)
{
	ssize_t slash = slice_find(text, '/');
	struct slice ip = slash < 0 ? text : slice_sub(text, 0, (size_t)slash);
	bool v4 = is_ip(ip, AF_INET);
	uint64_t bits;
	if (!v4 && !is_ip(ip, AF_INET6))
		return false;
	return slash < 0 || slice_to_u64(slice_from(text, (size_t)slash + 1), v4 ? 32 : 128, &bits);
}

bool conf_is_range(struct slice text)
{
	struct ip_range range;
	return ip_range_read(text, &range);
}

static bool is_label(struct slice label)
{
	if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
		label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-'))
			return false;
	}
	return true;
}

bool conf_is_host(struct slice text, bool wildcard)
{
	if (wildcard && slice_starts(text, SLICE("*.")))
		text = slice_from(text, 2);
	if (text.len == 0 || text.len > HOST_MAX || text.ptr[text.len - 1] == '.')
		return false;
	while (text.len > 0)
		if (!is_label(slice_cut(&text, '.')))
			return false;
	return true;
}

bool conf_is_remote(struct slice text)
{
	if (slice_starts(text, SLICE("unix:")))
		return is_unix_path(slice_from(text, 5));
	if (slice_starts(text, SLICE("tls:")))
		text = slice_from(text, 4);
	if (conf_is_address(text))
		return !slice_starts(text, SLICE("*")) && !slice_starts(text, SLICE("unix:"));
	ssize_t colon = slice_find(text, ':');
	return colon > 0 && conf_is_host(slice_sub(text, 0, (size_t)colon), false) &&
	       is_port(slice_from(text, (size_t)colon + 1));
}
