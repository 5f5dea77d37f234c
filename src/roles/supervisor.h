/* `rookery serve`: one process a role, started again when it dies; signals; the metrics and health
 * page. */
#ifndef ROLES_SUPERVISOR_H
#define ROLES_SUPERVISOR_H

#include "conf/settings.h"

/* Serves until SIGTERM or SIGINT; SIGHUP reads config and certificates again. `program` and
 * `config` are what a role's process is started with: <program> --config <config> role <name>.
 * Returns the exit status. */
int supervisor_serve(const struct conf_settings *settings, const char *program, const char *config);

#endif
