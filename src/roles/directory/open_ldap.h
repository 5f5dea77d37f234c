/* The block directory.ldap as a directory. */
#ifndef ROLES_DIRECTORY_OPEN_LDAP_H
#define ROLES_DIRECTORY_OPEN_LDAP_H

#include "conf/settings.h"
#include "directory/directory.h"

WARN_UNUSED bool role_directory_ldap_has_scram(const struct conf_settings *settings);
int role_directory_ldap_open(const struct conf_settings *settings, struct directory **ret_directory,
	struct err *err) WARN_UNUSED;

#endif
