/* Whether text has the shape of an address, a network or a host name. Nothing is looked up or
 * opened. */
#ifndef CONF_SHAPE_H
#define CONF_SHAPE_H

#include "base/slice.h"

/* "192.0.2.1:25", "[2001:db8::1]:25", "*:25", "unix:/path"; ports 1 to 65535. */
WARN_UNUSED bool conf_is_address(struct slice text);
/* "192.0.2.0/24", "2001:db8::/32", or an address alone. */
WARN_UNUSED bool conf_is_network(struct slice text);
/* "unix:/path", or a host name or IP with a port, "tls:" in front or not: "tls:host:25",
 * "192.0.2.1:25", "tls:[2001:db8::1]:25". */
WARN_UNUSED bool conf_is_remote(struct slice text);
/* "127.0.0.2", "127.0.0.4-127.0.0.11": the first is not above the last. */
WARN_UNUSED bool conf_is_range(struct slice text);
/* Labels of letters, digits and hyphens (RFC 1123), no dot at the end; UTF-8 labels must be given
 * in their xn-- form. `wildcard` allows "*." in front. */
WARN_UNUSED bool conf_is_host(struct slice text, bool wildcard);

#endif
