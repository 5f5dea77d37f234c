/* Patterns that people type: * stands for any bytes, ? for one. */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include "base/slice.h"

/* Takes at most pattern times text steps. */
bool glob_matches(struct slice pattern, struct slice text);

#endif
