/* Values as text: into the field of an option and back. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/options.h"
#include "conf/parse.h"

enum { CONF_LIST_MAX = 4096, CONF_LISTEN_MAX = 256 };

/* Sets `field` from the statement's values; lists are added to. Strings are borrowed from the tree,
 * arrays are made in `arena`. Negative, and a fault that says what was expected, when they don't
 * fit. */
int conf_value_set(struct arena *arena, const struct conf_option *option,
	const struct conf_node *node, void *field, struct conf_faults *faults) WARN_UNUSED;
/* Whether an option's statement may be repeated. */
bool conf_value_is_list(const struct conf_option *option);
/* The statements that give `field`, each as "<indent><key> <values>;\n"; none for an empty list. */
void conf_value_write(
	const struct conf_option *option, const void *field, const char *indent, struct buf *to);
/* What may stand there: "a size from 64K to 2G, like 512K or 64M". */
void conf_value_expected(const struct conf_option *option, struct buf *to);
/* A word, in quotes where it needs them. */
void conf_value_quote(struct buf *to, struct slice word);

#endif
