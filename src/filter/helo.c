#include "filter/helo.h"

#include "filter/name.h"

#include <arpa/inet.h>

static const struct slice V6 = {"IPv6:", 5};

/* "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static bool read_literal(struct slice helo, uint8_t ret_ip[16])
{
	char text[INET6_ADDRSTRLEN];
	if (helo.len < 3 || helo.ptr[helo.len - 1] != ']')
		return false;
	struct slice inner = slice_sub(helo, 1, helo.len - 2);
	bool six = slice_starts_nocase(inner, V6);
	inner = slice_from(inner, six ? V6.len : 0);
	if (inner.len >= sizeof(text))
		return false;
	memcpy(text, inner.ptr, inner.len);
	text[inner.len] = '\0';
	if (six)
		return inet_pton(AF_INET6, text, ret_ip) == 1;
	memset(ret_ip, 0, 10);
	memset(ret_ip + 10, 0xff, 2);
	return inet_pton(AF_INET, text, ret_ip + 12) == 1;
}

static bool is_loopback(const uint8_t ip[16])
{
	static const uint8_t SIX[16] = {[15] = 1};
	return memcmp(ip, SIX, 16) == 0 || (net_ip_is_v4(ip) && ip[12] == 127);
}

/* "192.0.2.1" without brackets looks like one. */
static bool is_full_name(struct slice name)
{
	bool letters = false;
	name = dns_name_trim(name);
	if (!filter_name_is_valid(name) || filter_name_labels(name) < 2)
		return false;
	for (struct slice rest = name; rest.len > 0;)
		name = slice_cut(&rest, '.');
	for (size_t i = 0; i < name.len; i++)
		letters |= name.ptr[i] < '0' || name.ptr[i] > '9';
	return letters;
}

enum filter_helo filter_helo_judge(
	struct slice helo, struct slice hostname, const struct net_address *local)
{
	uint8_t said[16], ours[16];
	if (slice_starts(helo, SLICE("["))) {
		if (!read_literal(helo, said))
			return FILTER_HELO_BAD;
		bool own = net_address_bytes(local, ours) && memcmp(said, ours, 16) == 0;
		return own || is_loopback(said) ? FILTER_HELO_OURS : FILTER_HELO_GOOD;
	}
	if (dns_name_eq(helo, hostname))
		return FILTER_HELO_OURS;
	return is_full_name(helo) ? FILTER_HELO_GOOD : FILTER_HELO_BAD;
}
