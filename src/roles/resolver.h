/* The DNS as the config has it: for roles, and for the command line. */
#ifndef ROLES_RESOLVER_H
#define ROLES_RESOLVER_H

#include "conf/settings.h"
#include "dns/dns.h"

/* In a role after sandbox_confine(), so that the resolver's threads are confined as well: they read
 * what strangers send. Files of trust anchors must lie where a confined role may read (/usr, /etc),
 * and resolv_conf too, past its symbolic links. ERR_PERMANENT: the settings can't be. */
int resolver_open(
	const struct conf_dns *settings, struct dns **ret_dns, struct err *err) WARN_UNUSED;

#endif
