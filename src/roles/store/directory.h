/* Which directory the store role asks: the internal one, or a driver of one that is kept elsewhere,
 * as the block `directory` of the config says. The table of drivers stands in directory.c. */
#ifndef ROLES_STORE_DIRECTORY_H
#define ROLES_STORE_DIRECTORY_H

#include "conf/settings.h"
#include "directory/directory.h"
#include "mail/mail.h"

WARN_UNUSED bool store_directory_is_elsewhere(const struct conf_settings *settings);
/* Whether it has keys for SCRAM, so that this is worth offering; the mx role asks, too. */
WARN_UNUSED bool store_directory_has_scram(const struct conf_settings *settings);
/* One that is elsewhere; the settings and `mail` must outlive it. It
 * remembers answers as long as the config says. Its servers need not answer yet. */
int store_directory_open(const struct conf_settings *settings, struct mail *mail,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;

#endif
