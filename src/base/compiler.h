/* What the compiler is told: results that must be used, formats that must match, locals that free
 * themselves; and the functions of the C library that are not used in this project. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define WARN_UNUSED       __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a), nonnull(f)))
#define NORETURN          __attribute__((noreturn))
#define LIKELY(x)         __builtin_expect(!!(x), 1)
#define UNLIKELY(x)       __builtin_expect(!!(x), 0)
/* `AUTO(buf_free) struct buf b;`: buf_free(&b) runs when b goes out of scope. */
#define AUTO(function) __attribute__((cleanup(function)))
/* For large arrays that are written before they are read: spares zeroing them. */
#define UNINITIALIZED                   __attribute__((uninitialized))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Unbounded, locale-bound or not thread-safe: using one does not compile. Use slice, buf, clock and
 * slice_to_u64 instead. The headers that declare them come first, so that these macros miss them.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define BANNED(function) function##_is_banned_in_this_project
#undef strcpy
#define strcpy(to, from) BANNED(strcpy)
#undef strcat
#define strcat(to, from) BANNED(strcat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef gets
#define gets(...) BANNED(gets)
#undef localtime
#define localtime(...) BANNED(localtime)
#undef gmtime
#define gmtime(...) BANNED(gmtime)
#undef ctime
#define ctime(...) BANNED(ctime)
#undef asctime
#define asctime(...) BANNED(asctime)

#endif
