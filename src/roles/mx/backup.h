/* Domains for which we are a backup MX: their mail is taken for their better hosts (RFC 5321
 * section 5.1), from anybody, for recipients whom their own server does not refuse. */
#ifndef ROLES_MX_BACKUP_H
#define ROLES_MX_BACKUP_H

#include "roles/mx/outbound.h"
#include "smtp/server.h"

struct mx_backup;

/* By the settings of the role, which outlive it; `outbound` is borrowed. */
struct mx_backup *mx_backup_new(const struct role *role, struct mx_outbound *outbound);
void mx_backup_free(struct mx_backup *backup); /* NULL is fine */

/* Whether the domain is one of those. */
WARN_UNUSED bool mx_backup_has(const struct mx_backup *backup, struct slice domain);
/* A recipient of a stranger in such a domain: 0: taken, also when its server can't tell now.
 * Negative: refused, by that server, or because its name is a route. Waits. */
int mx_backup_verify(struct mx_backup *backup, const struct smtp_transaction *t,
	const struct smtp_recipient *r, struct err *err) WARN_UNUSED;
void mx_backup_metrics(struct mx_backup *backup, struct role *role, struct buf *to);

#endif
