/* Clocks, and the calendar arithmetic that needs no locale and no time zone. */
#include "base/clock.h"

#include <stdatomic.h>

static atomic_int_least64_t fake_mono = -1, fake_wall = -1;

static int64_t read_ns(clockid_t which)
{
	struct timespec now;
	(void)clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	int64_t fake = atomic_load_explicit(&fake_mono, memory_order_relaxed);
	return fake >= 0 ? fake * 1000000 : read_ns(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

int64_t clock_wall_ms(void)
{
	int64_t fake = atomic_load_explicit(&fake_wall, memory_order_relaxed);
	return fake >= 0 ? fake : read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

void clock_fake(int64_t mono_ms, int64_t wall_ms)
{
	atomic_store(&fake_mono, mono_ms);
	atomic_store(&fake_wall, wall_ms);
}

/* Days to and from dates: years start in March, so that the leap day is a year's last. */
int64_t clock_from_date(const struct clock_date *d)
{
	int64_t year = d->year - (d->month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (d->month + (d->month > 2 ? -3 : 9)) + 2) / 5 + d->day - 1;
	int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
	return days * 86400 + d->hour * 3600 + d->minute * 60 + d->second;
}

struct clock_date clock_to_date(int64_t seconds)
{
	int64_t days = seconds / 86400, rest = seconds % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;
	struct clock_date d = {
		.day = (int)(of_year - (153 * month + 2) / 5 + 1),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.hour = (int)(rest / 3600),
		.minute = (int)(rest / 60 % 60),
		.second = (int)(rest % 60),
		.weekday = (int)(((days + 4) % 7 + 7) % 7),
	};
	d.year = year + era * 400 + (d.month <= 2);
	return d;
}

int clock_local_offset(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm local;
	return localtime_r(&t, &local) ? (int)local.tm_gmtoff : 0;
}
