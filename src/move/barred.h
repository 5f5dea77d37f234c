/* A directory for those who let users in: all questions go on to the inner one, but who is on his
 * way to another node, or lives there, can't be told about for now. */
#ifndef MOVE_BARRED_H
#define MOVE_BARRED_H

#include "directory/directory.h"
#include "move/mark.h"

/* Both are borrowed. Only its struct is freed by directory_free(). */
struct directory *move_barred_new(struct directory *inner, struct move_marks *marks);

#endif
