/* rookery firewall: what goes in and out, for those who set up firewalls. */
#ifndef CLI_FIREWALL_H
#define CLI_FIREWALL_H

#include "cli/cli.h"

#include "conf/flows.h"

enum { FIREWALL_FLOWS_MAX = 2048 };

struct firewall {
	const struct conf_settings *settings;
	struct conf_flow flows[FIREWALL_FLOWS_MAX];
	size_t count;
	bool more; /* than have room */
	/* The other nodes of mirrors, by role: what flows of CONF_FLOW_MIRROR point to. */
	struct {
		bool known, is_first;
		char peer[256];
	} store, mx;
};

/* "anybody", "store.front_ends": whom an open port is for. */
const char *firewall_whom(const struct conf_flow *flow);
/* For nft -f: only about ports that the program listens on and users that its roles have, so that
 * it locks out nobody else. */
void firewall_write_nftables(const struct firewall *firewall, struct buf *to);

#endif
