/* The DNS as the config has it: for roles, and for the command line. */
#ifndef ROLES_RESOLVER_H
#define ROLES_RESOLVER_H

#include "conf/settings.h"
#include "dns/dns.h"

/* Before the sandbox: the files of trust anchors are read here, and none later. A role that asks
 * needs UDP and TCP to the name servers' port afterwards. ERR_PERMANENT: the settings can't be. */
int resolver_open(
	const struct conf_dns *settings, struct dns **ret_dns, struct err *err) WARN_UNUSED;

#endif
