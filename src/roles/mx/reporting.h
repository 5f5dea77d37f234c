/* The mx role's reports to others (reports/reports.h): by whom, of what, and when. */
#ifndef ROLES_MX_REPORTING_H
#define ROLES_MX_REPORTING_H

#include "directory/directory.h"
#include "reports/reports.h"
#include "roles/mx/queue.h"

struct mx_reporting;

/* Over the queue's store; `directory` is borrowed. */
int mx_reporting_new(struct role *role, struct mx_queue *queue, struct directory *directory,
	struct mx_reporting **ret_reporting, struct err *err) WARN_UNUSED;
/* From now on counts are written down, and reports sent, if the settings have them on. */
void mx_reporting_start(struct mx_reporting *reporting);
/* After the loop has ended. NULL is fine. */
void mx_reporting_free(struct mx_reporting *reporting);
/* Also while they are off: what was gathered before can be looked at and sent. */
struct reports *mx_reporting_of(struct mx_reporting *reporting);
void mx_reporting_metrics(struct mx_reporting *reporting, struct role *role, struct buf *to);

#endif
