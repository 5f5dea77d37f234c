/* Mail to servers elsewhere: a connection to the first host of a route that takes one, with as much
 * TLS as the DNS asks for. */
#ifndef ROLES_MX_OUTBOUND_H
#define ROLES_MX_OUTBOUND_H

#include "dns/dns.h"
#include "queue/queue.h"
#include "reports/reports.h"
#include "roles/role.h"

struct mx_outbound;
struct mx_outbound_peer;

/* `dns` is borrowed, and NULL when there is none: then nothing can be reached but transports by
 * address. `store` is the mx's own, borrowed. */
int mx_outbound_new(struct role *role, struct dns *dns, struct store *store,
	struct mx_outbound **ret_outbound, struct err *err) WARN_UNUSED;
void mx_outbound_free(struct mx_outbound *outbound); /* NULL is fine */

/* How TLS goes is counted there from now on; borrowed. Before anything is opened. */
void mx_outbound_report_to(struct mx_outbound *outbound, struct reports *reports);

/* As struct queue_transport has them. */
int mx_outbound_open(struct mx_outbound *outbound, struct slice destination,
	struct mx_outbound_peer **ret_peer, struct err *err) WARN_UNUSED;
int mx_outbound_send(struct mx_outbound_peer *peer, struct queue_delivery *delivery,
	struct err *err) WARN_UNUSED;
void mx_outbound_close(struct mx_outbound_peer *peer);

/* Would the server for that domain (canonical) take mail for this recipient? 0: yes;
 * SMTP_PROBE_REFUSED (smtp/outbound.h); negative: it can't be told. Waits for so long at most for
 * each thing that is said. */
int mx_outbound_probe(struct mx_outbound *outbound, struct slice domain,
	const struct envelope_path *recipient, unsigned timeout_ms, struct err *err) WARN_UNUSED;

#endif
