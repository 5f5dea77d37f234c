/* Words to addresses and numbers, and into the session. */
#include "net/origin.h"

static bool read_address(struct slice ip, struct slice port, struct net_address *ret_address)
{
	uint64_t number = 0;
	*ret_address = (struct net_address){0};
	if (port.len > 0 && !slice_to_u64(port, UINT16_MAX, &number))
		return false;
	return ip.len == 0 || net_address_of_ip(ip, (uint16_t)number, ret_address);
}

static bool read_session(struct slice text, char ret_session[NET_ORIGIN_SESSION_MAX + 1])
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return false;
	(void)snprintf(ret_session, NET_ORIGIN_SESSION_MAX + 1, "%.*s", SLICE_ARG(text));
	return true;
}

bool net_origin_read(const struct net_origin_words *words, struct net_origin *ret_origin)
{
	uint64_t ttl = 1;
	if (words->ttl.len > 0 && !slice_to_u64(words->ttl, NET_ORIGIN_TTL_MAX, &ttl))
		return false;
	ret_origin->ends = ttl == 0;
	ret_origin->ttl = words->ttl.len > 0 ? (uint16_t)ttl : 0;
	return read_address(words->client, words->client_port, &ret_origin->client) &&
	       read_address(words->local, words->local_port, &ret_origin->local) &&
	       read_session(words->session, ret_origin->session);
}

enum net_origin_outcome net_origin_take(
	struct net_session *session, const struct net_origin *origin)
{
	if (origin->ends) {
		log_error(net_log(session), "front ends pass a client on in a circle",
			F_STR("front", origin->session));
		return NET_ORIGIN_LOOP;
	}
	if (origin->client.len > 0 && !net_pass_on(session, &origin->client)) {
		char host[NET_ADDRESS_TEXT];
		net_address_host(&origin->client, host);
		log_info(net_log(session), "connection refused",
			F_STR("why", "too many from this address"), F_STR("address", host));
		return NET_ORIGIN_MANY;
	}
	if (origin->local.len > 0)
		net_set_local(session, &origin->local);
	if (origin->session[0])
		net_log_tag(session, "front", slice_str(origin->session));
	return NET_ORIGIN_TAKEN;
}
