/* The block directory.postgresql as a directory. */
#ifndef ROLES_STORE_SQL_H
#define ROLES_STORE_SQL_H

#include "conf/settings.h"
#include "directory/directory.h"

WARN_UNUSED bool store_sql_has_scram(const struct conf_settings *settings);
int store_sql_open(const struct conf_settings *settings, struct directory **ret_directory,
	struct err *err) WARN_UNUSED;

#endif
