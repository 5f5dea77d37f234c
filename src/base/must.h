/* Assertions that stay on in release builds. A failed one prints the condition, its place and what
 * this thread was doing (must_doing), then aborts; the supervisor starts the role again. Input from
 * a client never decides a must(). */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include "base/compiler.h"

#define must(condition)                                                                            \
	do {                                                                                       \
		if (UNLIKELY(!(condition)))                                                        \
			must_failed(#condition, __FILE__, __LINE__, __func__);                     \
	} while (0)

NORETURN void must_failed(const char *condition, const char *file, int line, const char *function);
/* Says what this thread does from now on ("imap session X: UID FETCH"), for the report. Both
 * strings are borrowed until the next call; NULL when it does nothing. */
void must_doing(const char *who, const char *what);

#endif
