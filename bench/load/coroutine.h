/* One coroutine a connection, all on one thread. */
#ifndef LOAD_COROUTINE_H
#define LOAD_COROUTINE_H

#include "conn.h"

void coroutine_make(struct conn *c);   /* will run c->fn(c); does not begin yet */
void coroutine_resume(struct conn *c); /* until it waits or is done */
void coroutine_wait(struct conn *c);   /* from inside: back to who resumed it */
void coroutine_free(struct conn *c);

#endif
