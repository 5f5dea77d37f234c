/* What the folder's files share. */
#ifndef ROLES_ACME_HOST_INTERNAL_H
#define ROLES_ACME_HOST_INTERNAL_H

#include "acme/transport.h"
#include "roles/acme/host.h"
#include "roles/acme/page.h"
#include "roles/acme/plans.h"

struct acme_worker;

struct acme_host {
	struct role *role;
	const struct conf_acme *conf;
	struct arena arena; /* plans */
	struct acme_plans plans;
	char folder[ACME_PATH_MAX];
	int fd;                 /* the listener; -1: handed on */
	struct buf authorities; /* PEM; empty: the system's */
	struct store *store;
	struct mirror_node *mirror;
	struct dns *dns, *own_dns;
	struct store_watch *watch;
	atomic_bool changed;  /* rows of the system account have, maybe by the other node */
	int64_t files_due_ms; /* monotonic */
	struct acme_page *page;
	struct acme_worker *worker;
	atomic_uint_fast64_t had, failed; /* certificates; attempts */
};

/* files.c: writes each certificate that is not as the rows have it, and tells the supervisor. */
int acme_files_write(struct acme_host *host, struct err *err) WARN_UNUSED;

/* worker.c: orders what is due. */
struct acme_worker *acme_worker_new(struct acme_host *host);
void acme_worker_free(struct acme_worker *worker); /* NULL is fine */
/* What can be done now is. `changed`: rows have, since the last call. Waits. */
void acme_worker_run(struct acme_worker *worker, bool changed);
/* The row of a certificate, in `arena`; empty when there is none or it is damaged. */
int acme_worker_load(struct acme_host *host, const struct acme_plan *plan, struct arena *arena,
	struct acme_row *ret_row, struct err *err) WARN_UNUSED;

/* transport.c */
int acme_transport_ask(void *context, const struct acme_request *request, struct acme_reply *reply,
	struct err *err) WARN_UNUSED;

#endif
