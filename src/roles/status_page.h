/* The page for machines, on a loopback port: /health (200 when every role is ready and
 * ails nothing, else 503) and /metrics (Prometheus' text format), by libmicrohttpd on a thread of
 * its own. */
#ifndef ROLES_STATUS_PAGE_H
#define ROLES_STATUS_PAGE_H

#include "base/buf.h"
#include "base/err.h"

struct status_page;

struct status_page_source {
	/* Both are called on the page's thread and may block for a moment. */
	bool (*healthy)(void *context, struct buf *text); /* adds a line a role */
	void (*metrics)(void *context, struct buf *text);
	void *context;
};
/* `listen` is "127.0.0.1:9090" or "[::1]:9090". */
int status_page_start(const char *listen, const struct status_page_source *source,
	struct status_page **ret_page, struct err *err) WARN_UNUSED;
void status_page_stop(struct status_page *page); /* NULL is fine */

#endif
