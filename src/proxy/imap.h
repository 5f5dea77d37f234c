/* IMAP through the proxy (RFC 9051, 3501), up to the login; `service` is a struct proxy. The
 * server's half is src/proxy/imap.c, the client's imap_dialog.c. */
#ifndef PROXY_IMAP_H
#define PROXY_IMAP_H

#include "proxy/login.h"

extern const struct net_protocol proxy_imap_protocol;
extern const struct proxy_dialog proxy_imap_dialog;

#endif
