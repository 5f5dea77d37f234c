/* Certificates by ACME in the role that keeps them: the mx role where there is one, else the store
 * role. What is had lies in the role's own store, so both nodes of a mirror have it, answer for it,
 * and write it to <data>/certificates, from where the supervisor hands it to every role.
 * docs/acme.md. */
#ifndef ROLES_ACME_HOST_H
#define ROLES_ACME_HOST_H

#include "acme/kept.h"
#include "dns/dns.h"
#include "mirror/node.h"
#include "roles/role.h"
#include "roles/sandbox.h"

struct acme_host;

/* Whether this role is the one. */
bool acme_host_is_wanted(const struct role *role);
/* Before privileges go: the listener, the folder of certificates, the file of authorities. */
int acme_host_prepare(struct role *role, const struct sandbox_user *user,
	struct acme_host **ret_host, struct err *err) WARN_UNUSED;
/* That folder, to which the role must be able to write. */
const char *acme_host_folder(const struct acme_host *host);
/* The port of the authority, to which it must be able to connect. */
uint16_t acme_host_port(const struct acme_host *host);

/* From open() of the role's kind; NULL is fine for `host`. What it borrows outlives the loop.
 * `dns` NULL: one of its own. */
int acme_host_open(struct acme_host *host, struct store *store, struct mirror_node *mirror,
	struct dns *dns, struct err *err) WARN_UNUSED;
/* For operators' commands; NULL for NULL. */
const struct acme_plans *acme_host_plans(const struct acme_host *host);
void acme_host_metrics(struct acme_host *host, struct buf *to); /* NULL is fine */
/* After the loop has ended, before the store is closed. NULL is fine. */
void acme_host_close(struct acme_host *host);

#endif
