/* Settings of block tls.acme that can't be meant. */
#ifndef CONF_ACME_H
#define CONF_ACME_H

#include "conf/settings.h"

/* Negative: *ret_option is the option that is wrong, or NULL when one is missing; *err says what
 * was expected. */
int conf_acme_check(
	const struct conf_settings *settings, const char **ret_option, struct err *err) WARN_UNUSED;

#endif
