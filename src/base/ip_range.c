#include "base/ip_range.h"

#include <arpa/inet.h>

static bool read_ip(struct slice text, uint32_t *ret_ip)
{
	char copy[INET_ADDRSTRLEN];
	struct in_addr in;
	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &in) != 1)
		return false;
	*ret_ip = ntohl(in.s_addr);
	return true;
}

bool ip_range_read(struct slice text, struct ip_range *ret)
{
	struct slice last = text, first = slice_cut(&last, '-');
	if (!read_ip(first, &ret->first))
		return false;
	ret->last = ret->first;
	if (first.len < text.len && !read_ip(last, &ret->last))
		return false;
	return ret->first <= ret->last;
}
