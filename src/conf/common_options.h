/* The common options: those of a mirror's two nodes that both go by. They are kept in the store
 * (admin/common_options.h), which the mirror carries, and stand on each node in <data>/common.conf,
 * which the supervisor writes and every process reads behind the config file. What that says itself
 * goes before them, option by option.
 *
 * The supervisor and other roles believe what comes out of the store here. So only options may be
 * common with which a store role that was broken into can do no more than it can anyhow: no users
 * of the system, no paths, no programs, no addresses, no lists of who is trusted. A table in
 * common_options.c has them; all others are refused, wherever the text comes from. */
#ifndef CONF_COMMON_OPTIONS_H
#define CONF_COMMON_OPTIONS_H

#include "conf/options.h"
#include "conf/parse.h"

enum { CONF_COMMON_MAX = 16 * 1024, CONF_COMMON_PATH = 600 }; /* bytes */

WARN_UNUSED bool conf_option_is_common(const struct conf_option *option);
/* Their names, one a line. */
void conf_common_list(struct buf *to);
/* Whether it may be common: all its options, and their values. Faults as conf_settings_load(). An
 * empty text may. */
int conf_common_check(struct slice text, struct buf *report, struct err *err) WARN_UNUSED;
/* <data>/common.conf */
void conf_common_path(const char *data, char path[CONF_COMMON_PATH]);

/* For settings.c. What the file beside `own` says and `own` does not, behind `own`; all is made in
 * `arena`. 0, also when there is no file; negative: it is not to be gone by, err says why, and
 * `own` is as it was. */
int conf_common_add(struct arena *arena, struct conf_node **own, struct err *err) WARN_UNUSED;

#endif
