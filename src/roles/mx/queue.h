/* The mx role's queue: its store, and how messages leave it. */
#ifndef ROLES_MX_QUEUE_H
#define ROLES_MX_QUEUE_H

#include "directory/directory.h"
#include "dns/dns.h"
#include "keys/keys.h"
#include "queue/queue.h"
#include "reports/reports.h"
#include "roles/role.h"
#include "smtp/client.h"

struct mx_queue;

/* Opens it in the role's folder. `store` and `directory` are borrowed. */
int mx_queue_open(struct role *role, struct smtp_client_pool *store, struct directory *directory,
	struct mx_queue **ret_queue, struct err *err) WARN_UNUSED;
/* From now on messages leave, and the other node of a mirror is looked for. */
int mx_queue_start(struct mx_queue *queue, struct err *err) WARN_UNUSED;
/* After the loop has ended. NULL is fine. */
void mx_queue_close(struct mx_queue *queue);
struct queue *mx_queue_of(struct mx_queue *queue);
/* On which its store lies. */
struct mirror_node *mx_queue_mirror(struct mx_queue *queue);
/* That store; as long as the queue is open. */
struct store *mx_queue_store(struct mx_queue *queue);
/* How TLS goes with others is counted there; borrowed. Before mx_queue_start(). */
void mx_queue_report_to(struct mx_queue *queue, struct reports *reports);
/* The id of this node's queue; it stays the same. */
struct id mx_queue_node(struct mx_queue *queue);
/* Whether what that account has gathered for reports is this node's to send, now: by the rules of
 * the queue. */
WARN_UNUSED bool mx_queue_works_on_reports(struct mx_queue *queue, struct id account);
/* NULL: there is no resolver. */
struct dns *mx_queue_dns(struct mx_queue *queue);
/* Of our domains; they lie in the queue's store. */
struct keys *mx_queue_keys(struct mx_queue *queue);

/* Our store does not answer: for a moment nobody need try. */
void mx_queue_store_is_away(struct mx_queue *queue);
bool mx_queue_is_store_away(struct mx_queue *queue);

/* These recipients of a message are kept: durable when 0. */
int mx_queue_keep(struct mx_queue *queue, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct err *err) WARN_UNUSED;
/* As above, but held until an operator releases it, if `why` is not empty. */
int mx_queue_hold(struct mx_queue *queue, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct slice why,
	struct err *err) WARN_UNUSED;

#endif
