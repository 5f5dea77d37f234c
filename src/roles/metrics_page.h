/* The metrics page: what the roles tell, put together as Prometheus' text format wants it (all
 * lines of a metric in one group, below its # HELP and # TYPE). Pure. */
#ifndef ROLES_METRICS_PAGE_H
#define ROLES_METRICS_PAGE_H

#include "base/buf.h"

/* `texts` are lines "rookery_<name>{…} <value>". What the table of metrics does not know is left
 * out. */
void metrics_page_write(const struct slice *texts, size_t count, struct buf *to);

#endif
