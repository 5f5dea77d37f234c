/* Time. Durations and deadlines use the monotonic clock; dates use the wall clock. Tests may set
 * both (clock_fake), so that nothing in a test waits. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since an arbitrary start; never goes back. */
int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);
/* Milliseconds since 1970-01-01 00:00 UTC. */
int64_t clock_wall_ms(void);
/* Whole seconds since 1970. */
int64_t clock_wall(void);
/* From now on both clocks stand at these values, in all threads; negative values return to the real
 * ones. */
void clock_fake(int64_t mono_ms, int64_t wall_ms);

/* A proleptic Gregorian date in UTC from seconds since 1970 and back, for any sign. */
struct clock_date {
	int64_t year;
	int month, day, hour, minute, second; /* month 1 … 12, day 1 … 31 */
	int weekday;                          /* 0 Sunday … 6 */
};
struct clock_date clock_to_date(int64_t seconds);
int64_t clock_from_date(const struct clock_date *date); /* weekday is not read */
/* Offset of local time from UTC at that moment, in seconds. */
int clock_local_offset(int64_t seconds);

#endif
