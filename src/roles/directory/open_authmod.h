/* The block directory.authmod as a directory that asks a program or other servers. */
#ifndef ROLES_DIRECTORY_OPEN_AUTHMOD_H
#define ROLES_DIRECTORY_OPEN_AUTHMOD_H

#include "conf/settings.h"
#include "directory/directory.h"
#include "roles/sandbox.h"

/* For the table of drivers. */
int role_directory_authmod_open(const struct conf_settings *settings,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;
/* Before the role is confined: starts the launcher of the driver's program. *ret_launcher is 0 when
 * none is needed. */
int role_directory_authmod_prepare(const struct conf_settings *settings,
	const struct sandbox_user *user, pid_t *ret_launcher, struct err *err) WARN_UNUSED;

#endif
