/* Where this process's log goes, by the settings: standard error, or systemd's journal. */
#ifndef ROLES_JOURNAL_H
#define ROLES_JOURNAL_H

#include "base/err.h"
#include "conf/settings.h"

/* At the start of each process, before threads and before it is confined. ERR_UNAVAILABLE: `to
 * journald`, and there is none. Lines to the journal carry their priority. */
int journal_set_up(const struct conf_settings *settings, struct err *err) WARN_UNUSED;

#endif
