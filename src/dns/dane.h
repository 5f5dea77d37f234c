/* DANE for SMTP (RFC 7672): what the DNS says of an exchanger's certificate.
 *
 * Nothing is asked where the answer could not count: the MX records and the host's addresses must
 * be secure first. */
#ifndef DNS_DANE_H
#define DNS_DANE_H

#include "dns/exchangers.h"
#include "net/tls.h"

enum dns_dane_demand {
	/* No secure TLSA record: TLS if it is offered, any certificate, or what MTA-STS says. */
	DNS_DANE_NONE,
	/* TLSA records, none of which is usable (section 2.2): TLS or nothing, any certificate. */
	DNS_DANE_ENCRYPT,
	/* TLS or nothing, and the certificate must fit one of the records. */
	DNS_DANE_VERIFY,
};

struct dns_dane {
	enum dns_dane_demand demand;
	/* For net_tls_connect_dane() with DNS_DANE_VERIFY; its `host`, the TLSA base domain
	 * (section 2.2.3), is set with DNS_DANE_ENCRYPT too. */
	struct net_tls_dane tls;
};

/* Of a host of this route, for connections to `port`. What is given back lies in `arena`. Negative,
 * ERR_TEMPORARY (4.7.5): it can't be told now, and mail must not go to this host until it can
 * (section 2.1.2). */
WARN_UNUSED int dns_find_dane(struct dns *dns, const struct dns_route *route,
	const struct dns_exchanger *host, uint16_t port, struct arena *arena,
	struct dns_dane *ret_dane, struct err *err);

#endif
