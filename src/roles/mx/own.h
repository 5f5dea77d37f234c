/* The addresses that are ours: a host that has one of them is we, whatever it is called (RFC 5321
 * section 5.1). */
#ifndef ROLES_MX_OWN_H
#define ROLES_MX_OWN_H

#include "net/address.h"
#include "roles/role.h"

struct mx_own {
	struct net_address *addresses;
	size_t count;
};
/* Those at which SMTP is spoken at `port`, which is where other servers are reached. */
void mx_own_find(struct mx_own *own, const struct role *role, uint16_t port);
void mx_own_deinit(struct mx_own *own);

#endif
