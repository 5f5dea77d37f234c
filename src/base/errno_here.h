/* errno, looked up each time it is named. The C library lets a compiler keep its address for the
 * rest of a function; here a function may wait and go on on another thread (base/wait.h), where
 * errno lies elsewhere. So this header is used in place of <errno.h>. */
#ifndef BASE_ERRNO_HERE_H
#define BASE_ERRNO_HERE_H

#include <errno.h>

#undef errno
#define errno (*errno_here())

int *errno_here(void);

#endif
