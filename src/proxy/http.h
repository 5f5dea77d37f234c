/* HTTP/1.1 through the proxy, request by request: each has its user in its head, and goes to where
 * he lives. Heads are read strictly and written anew (http/), bodies are moved with their framing
 * followed, both ways at once (net/far.h). The `service` is the struct proxy. */
#ifndef PROXY_HTTP_H
#define PROXY_HTTP_H

#include "proxy/proxy.h"

extern const struct net_protocol proxy_http_protocol;

#endif
