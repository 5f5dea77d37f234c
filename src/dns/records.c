/* Records, field by field. */
#include "dns/records.h"

#include "base/bytes.h"

#include <netinet/in.h>

bool dns_read_address(
	enum dns_type type, struct slice rdata, uint16_t port, struct net_address *ret_address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	*ret_address = (struct net_address){0};
	if (type == DNS_A && rdata.len == sizeof(v4.sin_addr)) {
		memcpy(&v4.sin_addr, rdata.ptr, rdata.len);
		memcpy(&ret_address->storage, &v4, sizeof(v4));
		ret_address->len = sizeof(v4);
	} else if (type == DNS_AAAA && rdata.len == sizeof(v6.sin6_addr)) {
		memcpy(&v6.sin6_addr, rdata.ptr, rdata.len);
		memcpy(&ret_address->storage, &v6, sizeof(v6));
		ret_address->len = sizeof(v6);
	}
	return ret_address->len > 0;
}

static bool cut_u16(struct slice *rest, uint16_t *ret_value)
{
	if (rest->len < 2)
		return false;
	*ret_value = bytes_get_be16(rest->ptr);
	*rest = slice_from(*rest, 2);
	return true;
}

bool dns_read_name(struct slice rdata, struct arena *arena, struct slice *ret_name)
{
	return dns_name_cut(&rdata, arena, ret_name) && rdata.len == 0;
}

bool dns_read_mx(struct slice rdata, struct arena *arena, struct dns_mx *ret_mx)
{
	return cut_u16(&rdata, &ret_mx->preference) && dns_read_name(rdata, arena, &ret_mx->name);
}

bool dns_read_txt(struct slice rdata, struct arena *arena, struct slice *ret_text)
{
	char *text = arena_alloc(arena, rdata.len + 1);
	size_t len = 0;
	if (rdata.len == 0)
		return false;
	for (size_t at = 0; at < rdata.len;) {
		size_t part_len = (unsigned char)rdata.ptr[at++];
		struct slice part = slice_sub(rdata, at, part_len);
		if (part.len < part_len)
			return false;
		memcpy(text + len, part.ptr, part_len);
		len += part_len;
		at += part_len;
	}
	*ret_text = slice(text, len);
	return true;
}

bool dns_read_tlsa(struct slice rdata, struct dns_tlsa *ret_tlsa)
{
	if (rdata.len < 4)
		return false;
	*ret_tlsa = (struct dns_tlsa){
		.usage = (uint8_t)rdata.ptr[0],
		.selector = (uint8_t)rdata.ptr[1],
		.matching = (uint8_t)rdata.ptr[2],
		.data = slice_from(rdata, 3),
	};
	return true;
}

bool dns_read_srv(struct slice rdata, struct arena *arena, struct dns_srv *ret_srv)
{
	return cut_u16(&rdata, &ret_srv->priority) && cut_u16(&rdata, &ret_srv->weight) &&
	       cut_u16(&rdata, &ret_srv->port) && dns_read_name(rdata, arena, &ret_srv->name);
}
