/* Which directory a role asks: a driver of one that is kept elsewhere, as the block `directory` of
 * the config says, or authmod servers that an option of the role's own names. The table of drivers
 * stands in open.c. The store's internal one is opened in roles/floors.c. */
#ifndef ROLES_DIRECTORY_OPEN_H
#define ROLES_DIRECTORY_OPEN_H

#include "conf/settings.h"
#include "directory/directory.h"

WARN_UNUSED bool role_directory_is_elsewhere(const struct conf_settings *settings);
/* Whether it has keys for SCRAM, so that this is worth offering; the mx role asks, too. */
WARN_UNUSED bool role_directory_has_scram(const struct conf_settings *settings);
/* One that is elsewhere, as the block `directory` says; the settings must outlive it. It remembers
 * answers as long as the config says. Its servers need not answer yet. Errors, permanent: the
 * internal driver, a fault of the config. */
int role_directory_open(const struct conf_settings *settings, struct directory **ret_directory,
	struct err *err) WARN_UNUSED;

/* Authmod servers that a role asks in place of a directory of its own: mx, proxy. Strings as in
 * struct conf_settings: "" where there is none. */
struct role_directory_servers {
	const struct conf_list *servers;
	const char *authorities, *secret_file;
	uint64_t timeout_ms;
	const char *block; /* whose options directory and directory_… these are, for errors */
};
/* Remembers nothing by itself. Its servers need not answer yet. */
int role_directory_open_servers(const struct role_directory_servers *servers,
	struct directory **ret_directory, struct err *err) WARN_UNUSED;

#endif
