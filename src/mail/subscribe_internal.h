/* Subscribing inside a write. */
#ifndef MAIL_SUBSCRIBE_INTERNAL_H
#define MAIL_SUBSCRIBE_INTERNAL_H

#include "store/store.h"

/* `name` is checked. *ret_changed: it was not so before. */
int mail_subscribe_in(struct store_write *write, struct id account, struct slice name, bool on,
	bool *ret_changed, struct err *err) WARN_UNUSED;

#endif
