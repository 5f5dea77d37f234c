/* What goes into a machine and out of it over the network, by its settings: what a firewall has to
 * let through. Unix sockets are none of it, nor is what listens on loopback only. */
#ifndef CONF_FLOWS_H
#define CONF_FLOWS_H

#include "conf/settings.h"

enum conf_flow_who {
	CONF_FLOW_ANYBODY,
	CONF_FLOW_LISTED,     /* who is in `list`, which may be empty */
	CONF_FLOW_MONITORING, /* who asks for health and figures; the settings do not say who */
	CONF_FLOW_MIRROR,     /* the other node of a mirror; the pairing says who */
};

struct conf_flow {
	bool in;
	const char *role; /* "mx"; "": the supervisor */
	const char *what; /* "imaps", "directory" */
	bool udp;         /* else TCP */
	/* In: where it listens, an IP or "*". Out: where to, an IP or a name; "*": anywhere. */
	struct slice host;
	unsigned port;
	/* In: from whom. */
	enum conf_flow_who who;
	const struct conf_list *list;
	const char *option; /* that has the list, "store.front_ends", or where the rest is said */
};

/* Once for each. What a flow points to lives as long as the settings. */
typedef void conf_flow_fn(void *context, const struct conf_flow *flow);

/* `behind`: clients do not reach this machine, only the front ends that it knows do (an mx or a
 * store behind proxies): then what clients use is for those. */
void conf_flows(
	const struct conf_settings *settings, bool behind, conf_flow_fn *each, void *context);

#endif
