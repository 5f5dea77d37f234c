/* The certificates of the config file as the roles get them; read by the supervisor, which may read
 * keys. */
#ifndef ROLES_CERTIFICATES_H
#define ROLES_CERTIFICATES_H

#include "base/err.h"
#include "conf/settings.h"

#include <jansson.h>

/* An array for the channel's "certificates": those of the config, then those that an authority gave
 * (<data>/certificates). Without any in the config, and with self_signed, one is made and kept in
 * <data>/tls; it stands in until an authority has given the first, too. `started`: the settings
 * that the roles were started with, by which they ask an authority. */
int certificates_load(const struct conf_settings *settings, const struct conf_settings *started,
	json_t **ret_list, struct err *err) WARN_UNUSED;

#endif
