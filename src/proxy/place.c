/* A list of hosts, by its letters. */
#include "proxy/place.h"

#include "conf/shape.h"

#include <arpa/inet.h>

enum { HOST_MAX = 253 };

static bool is_ip(struct slice text, int family)
{
	char copy[64];
	uint8_t bytes[16];
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, bytes) == 1;
}

/* ":1143", or nothing. */
static bool take_port(struct slice rest, uint16_t *ret_port)
{
	uint64_t port;
	*ret_port = 0;
	if (rest.len == 0)
		return true;
	if (rest.ptr[0] != ':' || rest.len > 6 ||
		!slice_to_u64(slice_from(rest, 1), UINT16_MAX, &port) || port == 0)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool take_place(struct slice text, struct proxy_place *ret_place)
{
	if (slice_starts(text, SLICE("["))) {
		ssize_t close = slice_find(text, ']');
		if (close < 0)
			return false;
		ret_place->host = slice_sub(text, 1, (size_t)close - 1);
		return is_ip(ret_place->host, AF_INET6) &&
		       take_port(slice_from(text, (size_t)close + 1), &ret_place->port);
	}
	ssize_t colon = slice_find(text, ':');
	ret_place->host = colon < 0 ? text : slice_sub(text, 0, (size_t)colon);
	if (!take_port(slice_from(text, ret_place->host.len), &ret_place->port))
		return false;
	return is_ip(ret_place->host, AF_INET) ||
	       (ret_place->host.len <= HOST_MAX && conf_is_host(ret_place->host, false));
}

bool proxy_places_parse(struct slice text, struct proxy_places *ret_places)
{
	struct slice rest = text;
	bool more = true;
	for (ret_places->count = 0; more; ret_places->count++) {
		more = slice_find(rest, ',') >= 0;
		struct slice one = slice_cut(&rest, ',');
		if (ret_places->count == PROXY_PLACES_MAX ||
			!take_place(one, &ret_places->at[ret_places->count]))
			return false;
	}
	return true;
}
