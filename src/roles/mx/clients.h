/* What the mx role thinks of a client before it takes its mail: by lists in the DNS, by its HELO
 * and by its name; then by what its message links to. Each adds to a score; a high one is refused,
 * a smaller one is written into the message. Users, trusted networks and this machine are not
 * looked at. */
#ifndef ROLES_MX_CLIENTS_H
#define ROLES_MX_CLIENTS_H

#include "dns/dns.h"
#include "roles/role.h"
#include "smtp/server.h"

/* The field with the score; others may not use it. */
#define MX_CLIENTS_FIELD "X-Rookery-Score"

struct mx_clients;

/* By the settings of the role, which outlive it, as the others do. `dns` NULL: of the DNS nothing
 * is asked. */
int mx_clients_new(const struct role *role, struct dns *dns, const struct net_trusted *trusted,
	struct mx_clients **ret_clients, struct err *err) WARN_UNUSED;
void mx_clients_free(struct mx_clients *clients); /* NULL is fine */

/* What came of it, in the transaction's arena. */
struct mx_client_score {
	bool judged; /* false: it is a client of ours */
	unsigned score;
	bool has_name;        /* that has its address, too; false also when nobody asked */
	struct slice reasons; /* "zen.example.org 5, no-ptr 1"; empty when the score is 0 */
};
/* A recipient that the directory knows: with the first one of a transaction the client is judged,
 * which waits. Negative: it is refused; the transaction has its reply code. */
int mx_clients_recipient(
	struct mx_clients *clients, struct smtp_transaction *t, struct err *err) WARN_UNUSED;
/* The message is here: the domains that it links to are looked for in lists of such, which waits.
 * Negative: it is refused, as above. Of clients of ours nothing is asked. */
int mx_clients_message(
	struct mx_clients *clients, struct smtp_transaction *t, struct err *err) WARN_UNUSED;
/* NULL: before the first such recipient. */
const struct mx_client_score *mx_clients_score(const struct smtp_transaction *t);

/* Puts the score in front of the message where it is high enough. */
void mx_clients_mark(struct mx_clients *clients, struct smtp_transaction *t);
void mx_clients_metrics(struct mx_clients *clients, struct role *role, struct buf *to);

#endif
