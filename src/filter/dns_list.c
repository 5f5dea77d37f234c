/* An address is asked for backwards in front of the list's zone, a domain as it is; who is on the
 * list has an A record there, which says why. */
#include "filter/dns_list.h"

#include "dns/client.h"
#include "dns/records.h"
#include "filter/name.h"

enum {
	REVERSED_ROOM = 80,
	/* What lists answer to who asks too much or by a public resolver; a convention of theirs.
	 */
	REFUSAL_FIRST = 0x7fffff00,
};

static bool join(struct slice front, struct slice zone, struct arena *arena, struct slice *ret_name)
{
	*ret_name = slice_str(arena_printf(arena, "%.*s%.*s", SLICE_ARG(front), SLICE_ARG(zone)));
	return filter_name_is_valid(*ret_name);
}

bool filter_dns_list_client(const struct net_address *client, struct slice zone,
	struct arena *arena, struct slice *ret_name)
{
	AUTO(buf_free) struct buf reversed = BUF(REVERSED_ROOM);
	uint8_t ip[16];
	if (!net_address_bytes(client, ip))
		return false;
	dns_write_reversed(ip, &reversed);
	return join(buf_slice(&reversed), zone, arena, ret_name);
}

bool filter_dns_list_domain(
	struct slice domain, struct slice zone, struct arena *arena, struct slice *ret_name)
{
	struct slice ascii;
	if (slice_starts(domain, SLICE("[")) || !filter_name_to_ascii(domain, arena, &ascii) ||
		slice_find(ascii, '.') < 0)
		return false;
	ascii = slice_str(arena_printf(arena, "%.*s.", SLICE_ARG(ascii)));
	return join(ascii, zone, arena, ret_name);
}

static bool counts(uint32_t code, const struct ip_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

int filter_dns_list_ask(struct dns *dns, struct slice name, const struct ip_range *ranges,
	size_t count, uint32_t *ret_code, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct dns_answer answer;
	bool refused = false;
	int r = dns_lookup(dns, name, DNS_A, &arena, &answer, err);
	if (r < 0)
		return -1;
	for (size_t i = 0; i < answer.count; i++) {
		struct net_address address;
		uint8_t ip[16];
		if (!dns_read_address(DNS_A, answer.records[i], 0, &address) ||
			!net_address_bytes(&address, ip))
			continue;
		*ret_code = (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 |
			    (uint32_t)ip[14] << 8 | ip[15];
		if (counts(*ret_code, ranges, count))
			return 0;
		refused |= *ret_code >= REFUSAL_FIRST && *ret_code <= REFUSAL_FIRST + 255u;
	}
	if (refused)
		return err_temporary(err, ERR_DENIED, "the list does not want our questions");
	return FILTER_DNS_LIST_NOT_ON_IT;
}
