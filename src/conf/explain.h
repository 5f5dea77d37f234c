/* The config file explained, from the rows of its options: help for one, a sample file, the manual
 * page's section. */
#ifndef CONF_EXPLAIN_H
#define CONF_EXPLAIN_H

#include "base/buf.h"
#include "base/err.h"

/* Help for an option ("mx.listen"; "listen" tells all of that name), or for a block ("mx") and what
 * it holds. ERR_ABSENT, with the nearest name, when there is none. */
int conf_explain(struct slice name, struct buf *to, struct err *err) WARN_UNUSED;
/* A config file that works, with every option in it as a comment. */
void conf_write_sample(struct buf *to);
/* The options in roff (man macros), for rookery.conf(5). */
void conf_write_manual(struct buf *to);

#endif
