/* Dates read and written. The mail form is read word by word, so that the order of asctime() and
 * the many slips of mailers cost nothing extra. */
#include "message/date.h"

#include "base/clock.h"
#include "message/lex_internal.h"

static const char MONTHS[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* Hours east of UTC (RFC 5322 section 4.3). All other letters, the military ones among them, say
 * nothing that can be relied on: +0000. */
static const struct {
	const char *name;
	int hours;
} ZONES[] = {
	{"EST", -5},
	{"EDT", -4},
	{"CST", -6},
	{"CDT", -5},
	{"MST", -7},
	{"MDT", -6},
	{"PST", -8},
	{"PDT", -7},
};

static int month_of(struct slice word)
{
	for (int i = 0; word.len >= 3 && i < 12; i++)
		if (slice_starts_nocase(word, slice(MONTHS[i], 3)))
			return i + 1;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A run of letters; empty when none is next. */
static struct slice cut_letters(struct lex *l)
{
	const char *start = l->p;
	while (l->p < l->end && is_letter(*l->p))
		l->p++;
	return slice(start, (size_t)(l->p - start));
}

/* A number of 1 … max_digits digits. */
static bool cut_number(struct lex *l, int max_digits, int *ret_value, int *ret_digits)
{
	int value = 0, digits = 0;
	for (; l->p < l->end && is_digit(*l->p); l->p++) {
		if (++digits > max_digits)
			return false;
		value = value * 10 + (*l->p - '0');
	}
	*ret_value = value;
	*ret_digits = digits;
	return digits > 0;
}

static bool cut_char(struct lex *l, char c)
{
	if (l->p >= l->end || *l->p != c)
		return false;
	l->p++;
	return true;
}

/* White space, comments, and the commas and dashes that stand between the words of a date. */
static void skip_between(struct lex *l)
{
	do
		(void)lex_skip_space(l, NULL);
	while (cut_char(l, ',') || cut_char(l, '-') || cut_char(l, '.'));
}

static bool cut_year(struct lex *l, int64_t *ret_year)
{
	int year, digits;
	if (!cut_number(l, 4, &year, &digits))
		return false;
	if (digits == 2)
		year += year < 50 ? 2000 : 1900;
	else if (digits == 3)
		year += 1900;
	*ret_year = year;
	return true;
}

/* "22:43", "22:43:04", with spaces and comments around the colons. */
static bool cut_time(struct lex *l, struct clock_date *date)
{
	int digits;
	if (!cut_number(l, 2, &date->hour, &digits))
		return false;
	(void)lex_skip_space(l, NULL);
	if (!cut_char(l, ':') && !cut_char(l, '.'))
		return false;
	(void)lex_skip_space(l, NULL);
	if (!cut_number(l, 2, &date->minute, &digits))
		return false;
	(void)lex_skip_space(l, NULL);
	if (!cut_char(l, ':') && !cut_char(l, '.'))
		return true;
	(void)lex_skip_space(l, NULL);
	return cut_number(l, 2, &date->second, &digits);
}

/* "+0100", "EST", "GMT+0100"; what says nothing is +0000. */
static int cut_zone(struct lex *l)
{
	(void)lex_skip_space(l, NULL);
	struct slice name = cut_letters(l);
	for (size_t i = 0; i < ARRAY_LEN(ZONES); i++)
		if (slice_eq_nocase(name, slice_str(ZONES[i].name)))
			return ZONES[i].hours * 60;
	int sign = cut_char(l, '-') ? -1 : cut_char(l, '+') ? 1 : 0;
	int digits = 0, value = 0, minutes = 0;
	if (sign == 0 || !cut_number(l, 4, &value, &digits))
		return 0;
	if (digits <= 2) {
		if (cut_char(l, ':') && !cut_number(l, 2, &minutes, &digits))
			minutes = 0;
		value = value * 100 + minutes;
	}
	return value % 100 > 59 || value > 2359 ? 0 : sign * (value / 100 * 60 + value % 100);
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool make(const struct clock_date *date, int zone_minutes, struct message_date *ret_date)
{
	static const int LENGTHS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (date->month < 1 || date->day < 1 || date->hour > 23 || date->minute > 59 ||
		date->second > 60)
		return false;
	bool leap_day = date->month == 2 && is_leap(date->year);
	if (date->day > LENGTHS[date->month - 1] + leap_day)
		return false;
	struct clock_date counted = *date;
	counted.second = MIN(counted.second, 59); /* leap seconds have no number of their own */
	ret_date->seconds = clock_from_date(&counted) - (int64_t)zone_minutes * 60;
	ret_date->zone_minutes = (int16_t)zone_minutes;
	return true;
}

/* "2024-02-07T22:43:04Z" (ISO 8601), which some programs put into mail. */
static bool parse_iso(struct lex l, struct message_date *ret_date)
{
	struct clock_date date = {0};
	int year, digits;
	if (!cut_number(&l, 4, &year, &digits) || digits != 4 || !cut_char(&l, '-') ||
		!cut_number(&l, 2, &date.month, &digits) || date.month > 12 || !cut_char(&l, '-') ||
		!cut_number(&l, 2, &date.day, &digits))
		return false;
	date.year = year;
	if (!cut_char(&l, 'T') && !lex_skip_space(&l, NULL))
		return false;
	if (!cut_time(&l, &date))
		return false;
	if (cut_char(&l, '.'))
		while (l.p < l.end && is_digit(*l.p))
			l.p++; /* parts of a second */
	return make(&date, cut_zone(&l), ret_date);
}

bool message_parse_date(struct slice value, struct message_date *ret_date)
{
	struct lex l = lex_at(value);
	struct clock_date date = {0};
	int digits;
	bool have_year = false;
	skip_between(&l);
	if (parse_iso(l, ret_date))
		return true;
	struct slice word = cut_letters(&l); /* the day of the week, which nobody needs */
	skip_between(&l);
	date.month = month_of(word);
	if (date.month == 0 && l.p < l.end && is_letter(*l.p))
		date.month = month_of(cut_letters(&l));
	skip_between(&l);
	if (!cut_number(&l, 2, &date.day, &digits))
		return false;
	skip_between(&l);
	if (date.month == 0) {
		date.month = month_of(cut_letters(&l));
		skip_between(&l);
		have_year = cut_year(&l, &date.year);
		if (!have_year)
			return false;
		skip_between(&l);
	} else {
		/* "Feb 7, 1994 22:43" or asctime's "Feb 7 22:43:04 1994". */
		struct lex ahead = l;
		have_year = cut_year(&ahead, &date.year) && !cut_char(&ahead, ':');
		if (have_year)
			l = ahead;
		skip_between(&l);
	}
	if (!cut_time(&l, &date))
		return false;
	if (!have_year) {
		struct lex ahead = l;
		(void)lex_skip_space(&ahead, NULL);
		if (ahead.p < ahead.end && is_letter(*ahead.p)) {
			int zone = cut_zone(&ahead);
			(void)lex_skip_space(&ahead, NULL);
			return cut_year(&ahead, &date.year) && make(&date, zone, ret_date);
		}
		l = ahead;
		if (!cut_year(&l, &date.year))
			return false;
	}
	return make(&date, cut_zone(&l), ret_date);
}

/* Exactly `digits` digits. */
static bool cut_exactly(struct lex *l, int digits, int *ret_value)
{
	int got;
	return cut_number(l, digits, ret_value, &got) && got == digits;
}

bool message_parse_imap_date(struct slice text, struct message_date *ret_date)
{
	struct lex l = lex_at(text);
	struct clock_date date = {0};
	int year, zone;
	/* date-day-fixed is two characters; one digit alone is common and harmless. */
	bool padded = cut_char(&l, ' ');
	int digits;
	if (!cut_number(&l, padded ? 1 : 2, &date.day, &digits) || !cut_char(&l, '-'))
		return false;
	struct slice month = cut_letters(&l);
	date.month = month.len == 3 ? month_of(month) : 0;
	if (!cut_char(&l, '-') || !cut_exactly(&l, 4, &year) || !cut_char(&l, ' ') ||
		!cut_exactly(&l, 2, &date.hour) || !cut_char(&l, ':') ||
		!cut_exactly(&l, 2, &date.minute) || !cut_char(&l, ':') ||
		!cut_exactly(&l, 2, &date.second) || !cut_char(&l, ' '))
		return false;
	date.year = year;
	int sign = cut_char(&l, '-') ? -1 : cut_char(&l, '+') ? 1 : 0;
	if (sign == 0 || !cut_exactly(&l, 4, &zone) || l.p != l.end || zone % 100 > 59 ||
		zone > 2359)
		return false;
	return make(&date, sign * (zone / 100 * 60 + zone % 100), ret_date);
}

/* Years that four digits can't write stay at the nearest that they can. */
static struct clock_date local(struct message_date date)
{
	struct clock_date local = clock_to_date(date.seconds + (int64_t)date.zone_minutes * 60);
	local.year = MAX(MIN(local.year, 9999), 0);
	return local;
}

/* By hand: a date is written for every message that comes in and for many that are fetched, and
 * printf takes ten times as long. */
static char *put_digits(char *to, int value, int digits)
{
	for (int i = digits; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + digits;
}

/* "2006 15:04:05 +0100" */
static char *put_time(char *to, const struct clock_date *local, int zone)
{
	int east = zone < 0 ? -zone : zone;
	to = put_digits(to, (int)local->year, 4);
	*to++ = ' ';
	to = put_digits(to, local->hour, 2);
	*to++ = ':';
	to = put_digits(to, local->minute, 2);
	*to++ = ':';
	to = put_digits(to, local->second, 2);
	*to++ = ' ';
	*to++ = zone < 0 ? '-' : '+';
	to = put_digits(to, east / 60 % 100, 2);
	return put_digits(to, east % 60, 2);
}

static char *put_name(char *to, const char name[4], const char *behind)
{
	memcpy(to, name, 3);
	to += 3;
	while (*behind)
		*to++ = *behind++;
	return to;
}

enum { WRITTEN_MAX = 40 };

void message_write_imap_date(struct buf *to, struct message_date date)
{
	struct clock_date l = local(date);
	char text[WRITTEN_MAX], *end = put_digits(text, l.day, 2);
	if (l.day < 10)
		text[0] = ' ';
	*end++ = '-';
	end = put_name(end, MONTHS[l.month - 1], "-");
	end = put_time(end, &l, date.zone_minutes);
	buf_add(to, text, (size_t)(end - text));
}

void message_write_date(struct buf *to, struct message_date date)
{
	struct clock_date l = local(date);
	char text[WRITTEN_MAX], *end = put_name(text, DAYS[l.weekday], ", ");
	end = put_digits(end, l.day, 2);
	*end++ = ' ';
	end = put_name(end, MONTHS[l.month - 1], " ");
	end = put_time(end, &l, date.zone_minutes);
	buf_add(to, text, (size_t)(end - text));
}
