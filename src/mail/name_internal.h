/* Questions about checked names. */
#ifndef MAIL_NAME_INTERNAL_H
#define MAIL_NAME_INTERNAL_H

#include "base/slice.h"

#include <stdbool.h>

bool mail_name_is_inbox(struct slice name);
/* A child of `parent`, or of its children. */
bool mail_name_is_below(struct slice name, struct slice parent);

#endif
