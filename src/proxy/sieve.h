/* ManageSieve through the proxy (RFC 5804), up to the login; `service` is a struct proxy. The
 * server's half is src/proxy/sieve.c, the client's sieve_dialog.c. */
#ifndef PROXY_SIEVE_H
#define PROXY_SIEVE_H

#include "proxy/login.h"

extern const struct net_protocol proxy_sieve_protocol;
extern const struct proxy_dialog proxy_sieve_dialog;

#endif
