/* The mx role's queue: its store, and how messages leave it. */
#ifndef ROLES_MX_QUEUE_H
#define ROLES_MX_QUEUE_H

#include "directory/directory.h"
#include "dns/dns.h"
#include "keys/keys.h"
#include "queue/queue.h"
#include "reports/reports.h"
#include "roles/mx/recipients.h"
#include "roles/role.h"

struct mx_queue;
struct mx_outbound;

/* Opens it in the role's folder. `local` is borrowed. */
int mx_queue_open(struct role *role, struct mx_local *local, struct mx_queue **ret_queue,
	struct err *err) WARN_UNUSED;
/* Who knows where reports go; borrowed, and set before the start. */
void mx_queue_report_by(struct mx_queue *queue, struct mx_recipients *recipients);
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
/* How mail leaves. */
struct mx_outbound *mx_queue_outbound(struct mx_queue *queue);
/* Of our domains; they lie in the queue's store. */
struct keys *mx_queue_keys(struct mx_queue *queue);

/* A report to a sender is in the queue when 0. */
struct mx_queue_report {
	struct slice sender, session, text;
	bool smtputf8, requiretls; /* as the message that it is about */
};
int mx_queue_add_report(
	struct mx_queue *queue, const struct mx_queue_report *report, struct err *err) WARN_UNUSED;

/* These recipients of a message are kept: durable when 0; held until an operator releases it, if
 * `why` is not empty. */
int mx_queue_hold(struct mx_queue *queue, const struct smtp_transaction *t,
	const struct queue_recipient *recipients, size_t count, struct slice why,
	struct err *err) WARN_UNUSED;

/* The message in another envelope, and with these bytes in front of it: what goes on to elsewhere.
 * Held as above. */
struct mx_queue_onward {
	struct id id; /* that it went out under already; ID_NONE: it did not */
	struct slice sender, head, why;
	bool smtputf8;
	const struct queue_recipient *recipients;
	size_t count;
};
int mx_queue_send_on(struct mx_queue *queue, const struct smtp_transaction *t,
	const struct mx_queue_onward *onward, struct err *err) WARN_UNUSED;

#endif
