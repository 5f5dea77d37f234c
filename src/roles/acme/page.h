/* What an authority is answered by plain HTTP (http-01, RFC 8555 section 8.3). */
#ifndef ROLES_ACME_PAGE_H
#define ROLES_ACME_PAGE_H

#include "base/buf.h"
#include "base/err.h"

struct acme_page;

struct acme_page_options {
	int fd; /* bound and listening; owned by the page from now on */
	/* Appends what answers the token. False: nobody is asked about it. Called on the page's
	 * thread; may block for a moment. */
	bool (*find)(void *context, struct slice token, struct buf *to);
	void *context;
	bool redirect; /* all else is led to https */
};
/* A thread of its own. Other paths than /.well-known/acme-challenge/TOKEN are not found. */
int acme_page_start(const struct acme_page_options *options, struct acme_page **ret_page,
	struct err *err) WARN_UNUSED;
void acme_page_stop(struct acme_page *page); /* NULL is fine */

#endif
