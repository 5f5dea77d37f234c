/* POP3 through the proxy (RFC 1939, 2449, 2595, 5034), up to the login; `service` is a struct
 * proxy. The server's half is src/proxy/pop3.c, the client's pop3_dialog.c. */
#ifndef PROXY_POP3_H
#define PROXY_POP3_H

#include "proxy/login.h"

extern const struct net_protocol proxy_pop3_protocol;
extern const struct proxy_dialog proxy_pop3_dialog;

#endif
