/* The report of a failed assertion. */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

static _Thread_local const char *doing_who, *doing_what;

/* Not inlined: callers may go on on another thread (base/wait.h). */
__attribute__((noinline)) void must_doing(const char *who, const char *what)
{
	doing_who = who;
	doing_what = what;
}

void must_failed(const char *condition, const char *file, int line, const char *function)
{
	fprintf(stderr,
		"level=panic at=%s:%d function=%s failed=\"%s\" session=\"%s\" doing=\"%s\"\n",
		file, line, function, condition, doing_who ? doing_who : "",
		doing_what ? doing_what : "");
	abort();
}
