/* What a login needs to know of its connection. */
#include "directory/login.h"
#include "net/session.h"
#include "net/tls.h"

struct sasl_offer directory_login_offer(
	const struct net_session *net, const struct directory *directory)
{
	const struct net_tls_info *tls = net_tls_info(net);
	struct sasl_offer offer = {.plain = net_is_secure(net),
		.scram = directory_has_scram(directory),
		.token = net_is_secure(net) && directory_takes_tokens(directory)};
	if (tls) {
		offer.exporter = tls->exporter;
		offer.server_end_point = tls->server_end_point;
	}
	return offer;
}

void directory_login_client(struct net_session *net, struct directory_login_options *options)
{
	char client[NET_ADDRESS_TEXT];
	net_address_host(net_peer(net), client);
	(void)snprintf(options->client, sizeof(options->client), "%.63s", client);
	options->log = net_log(net);
	options->offer = directory_login_offer(net, options->directory);
	options->tls = net_is_tls(net);
	options->may_act = net_is_front_end(net);
}
