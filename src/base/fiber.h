/* Stacks that can be left in the middle and gone on with later, by any thread: cooperative, without
 * the kernel's scheduler. What may not lie on both sides of a switch says base/wait.h. */
#ifndef BASE_FIBER_H
#define BASE_FIBER_H

#include "base/compiler.h"

#include <stddef.h>

struct fiber;

/* A stack of that size (and a page in front that none may touch) on which `run` will begin at the
 * first switch; it must not return. NULL when there is no memory for it. */
struct fiber *fiber_new(size_t stack_size, void (*run)(void *context), void *context);
/* The stack this thread was started on. */
struct fiber *fiber_of_thread(void);
/* Nobody stands on it. */
void fiber_free(struct fiber *fiber);
/* Leaves `from`, on which the caller stands, and goes on where `to` was left. Returns when somebody
 * switches to `from`, on the thread that does. */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
