/* What the resolver's parts share. */
#ifndef DNS_RESOLVER_INTERNAL_H
#define DNS_RESOLVER_INTERNAL_H

#include "dns/resolver.h"

#include <unbound.h>

/* resolver_set_up.c: once, before the first question. Reads all files. ERR_PERMANENT: they can't
 * be.
 */
int dns_resolver_set_up(struct ub_ctx *unbound, const struct dns_resolver_options *options,
	struct err *err) WARN_UNUSED;

#endif
