/* The proxy's listeners that take mail by recipient: SMTP and LMTP. */
#ifndef ROLES_PROXY_MAIL_H
#define ROLES_PROXY_MAIL_H

#include "proxy/deliver.h"
#include "roles/role.h"

struct proxy_mail {
	struct proxy_deliver by_smtp, by_lmtp;
	struct smtp_service smtp, lmtp;
};
void proxy_mail_init(struct proxy_mail *mail, struct role *role, struct proxy *proxy);
/* A listener of CONF_SMTP or CONF_LMTP. */
int proxy_mail_serve(struct proxy_mail *mail, struct role *role,
	const struct role_listener *listener, struct err *err) WARN_UNUSED;
void proxy_mail_metrics(struct proxy_mail *mail, struct role *role, struct buf *to);

#endif
