/* What back ends announce before a login is asked of default_host now and then, so that clients are
 * told it from the first one on. */
#ifndef ROLES_PROXY_HEAR_H
#define ROLES_PROXY_HEAR_H

#include "proxy/proxy.h"
#include "roles/role.h"

struct proxy_hear {
	struct proxy *proxy;
	const struct role *role;
	int64_t next_ms; /* clock_mono_ms() */
};
/* Begins it, when there is a default_host. */
void proxy_hear_start(struct proxy_hear *hear, struct role *role, struct proxy *proxy);

#endif
