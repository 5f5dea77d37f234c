/* Which certificates the settings ask for, and where each lies for the other roles. */
#ifndef ROLES_ACME_PLANS_H
#define ROLES_ACME_PLANS_H

#include "acme/kept.h"
#include "conf/settings.h"

/* All in `arena`; none when block tls.acme is not there. */
size_t acme_plans_of(
	const struct conf_acme *conf, struct arena *arena, const struct acme_plan **ret_plans);

enum { ACME_PATH_MAX = 1024 };
/* <data>/certificates */
void acme_folder(const struct conf_settings *settings, char ret_path[ACME_PATH_MAX]);
/* <data>/certificates/NAME.pem: the key, then the chain. */
void acme_path(const struct conf_settings *settings, const struct acme_plan *plan,
	char ret_path[ACME_PATH_MAX]);

#endif
