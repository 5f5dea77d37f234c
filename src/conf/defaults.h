/* What an option is when the file does not say. */
#ifndef CONF_DEFAULTS_H
#define CONF_DEFAULTS_H

#include "conf/options.h"
#include "conf/parse.h"

/* Sets `field` from the row's fallback, which must not be NULL. <data>, <run> and <user> are taken
 * from `settings`, whose own defaults are therefore filled in first. */
int conf_default_set(struct arena *arena, const struct conf_settings *settings,
	const struct conf_option *option, void *field, struct conf_faults *faults) WARN_UNUSED;

#endif
