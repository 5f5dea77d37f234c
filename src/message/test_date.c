/* Dates of mail in all their forms, and those of IMAP. */
#include "base/test.h"
#include "message/date.h"

static const struct {
	const char *value, *expected; /* NULL: no date */
} DATES[] = {
	/* RFC 5322 appendix A */
	{"Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
	{"Tue, 1 Jul 2003 10:52:37 +0200", "Tue, 01 Jul 2003 10:52:37 +0200"},
	{"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
	 "(Newfoundland Time)",
		"Thu, 13 Feb 1969 23:32:00 -0330"},
	{"21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000"},
	{"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
	/* years */
	{"1 Jan 49 00:00 +0000", "Fri, 01 Jan 2049 00:00:00 +0000"},
	{"1 Jan 50 00:00 +0000", "Sun, 01 Jan 1950 00:00:00 +0000"},
	{"1 Jan 103 00:00 +0000", "Wed, 01 Jan 2003 00:00:00 +0000"},
	/* zones */
	{"1 Jan 2024 12:00 EST", "Mon, 01 Jan 2024 12:00:00 -0500"},
	{"1 Jan 2024 12:00 pdt", "Mon, 01 Jan 2024 12:00:00 -0700"},
	{"1 Jan 2024 12:00 UT", "Mon, 01 Jan 2024 12:00:00 +0000"},
	{"1 Jan 2024 12:00 A", "Mon, 01 Jan 2024 12:00:00 +0000"},
	{"1 Jan 2024 12:00 CEST", "Mon, 01 Jan 2024 12:00:00 +0000"},
	{"1 Jan 2024 12:00", "Mon, 01 Jan 2024 12:00:00 +0000"},
	{"1 Jan 2024 12:00 GMT+0100", "Mon, 01 Jan 2024 12:00:00 +0100"},
	{"1 Jan 2024 12:00 +01:30", "Mon, 01 Jan 2024 12:00:00 +0130"},
	{"1 Jan 2024 12:00 +9999", "Mon, 01 Jan 2024 12:00:00 +0000"},
	/* other orders and slips */
	{"Mon Feb  7 22:43:04 1994", "Mon, 07 Feb 1994 22:43:04 +0000"},
	{"Mon Feb  7 22:43:04 EST 1994", "Mon, 07 Feb 1994 22:43:04 -0500"},
	{"Feb 7, 1994 22:43 +0100", "Mon, 07 Feb 1994 22:43:00 +0100"},
	{"Monday, 7 February 1994 22:43:04 +0100", "Mon, 07 Feb 1994 22:43:04 +0100"},
	{"Monday, 07-Feb-94 22:43:04 GMT", "Mon, 07 Feb 1994 22:43:04 +0000"},
	{"mon,7 feb 1994 2:3:4 -0000", "Mon, 07 Feb 1994 02:03:04 +0000"},
	{"2024-02-29T22:43:04Z", "Thu, 29 Feb 2024 22:43:04 +0000"},
	{"2024-02-29 22:43:04.5+02:00", "Thu, 29 Feb 2024 22:43:04 +0200"},
	{"(c) Fri (c), 21 Nov 1997 09:55:06 (c) -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
	{"Fri, 30 Jun 1997 23:59:60 +0000", "Mon, 30 Jun 1997 23:59:59 +0000"},
	/* none */
	{"", NULL},
	{"yesterday", NULL},
	{"31 Apr 2024 00:00 +0000", NULL},
	{"29 Feb 2023 00:00 +0000", NULL},
	{"0 Jan 2024 00:00 +0000", NULL},
	{"1 Foo 2024 00:00 +0000", NULL},
	{"1 Jan 2024 24:00 +0000", NULL},
	{"1 Jan 2024 00:60 +0000", NULL},
	{"1 Jan 20240 00:00", NULL},
	{"1 Jan 2024", NULL},
	{"99999999999999999999", NULL},
};

static void mail_dates_are_read_in_all_their_forms(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(DATES); i++) {
		AUTO(buf_free) struct buf got = BUF(100);
		struct message_date date;
		bool ok = message_parse_date(slice_str(DATES[i].value), &date);
		if (!DATES[i].expected) {
			assert_false(ok);
			continue;
		}
		assert_true(ok);
		message_write_date(&got, date);
		assert_slice(buf_slice(&got), DATES[i].expected);
	}
}

static void the_moment_is_counted_in_utc(void **state)
{
	struct message_date date;
	assert_true(message_parse_date(SLICE("Thu, 1 Jan 1970 01:00:01 +0100"), &date));
	assert_int_equal(date.seconds, 1);
	assert_int_equal(date.zone_minutes, 60);
	assert_true(message_parse_date(SLICE("Wed, 31 Dec 1969 23:59:59 +0000"), &date));
	assert_int_equal(date.seconds, -1);
	assert_true(message_parse_date(SLICE("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"), &date));
	assert_int_equal(date.seconds, 837595405);
}

static void imap_dates_are_read_strictly_and_written_back(void **state)
{
	static const char *const GOOD[] = {" 7-Feb-1994 22:43:04 -0800",
		"17-Jul-1996 02:44:25 -0700", "01-Jan-1970 00:00:00 +0000",
		"29-Feb-2024 23:59:59 +1400", "31-Dec-9999 23:59:59 +0000"};
	static const char *const BAD[] = {"", "7", "17-Jul-1996", "17-Jul-1996 02:44:25",
		"17-Jul-96 02:44:25 -0700", "17-July-1996 02:44:25 -0700",
		"17-Jul-1996 02:44:25 PST", "17-Jul-1996  02:44:25 -0700",
		"17-Jul-1996 2:44:25 -0700", "17-Jul-1996 02:44:25 -07000",
		"30-Feb-1996 02:44:25 -0700", "17-Jul-1996 02:44:25 -0799",
		"  7-Jul-1996 02:44:25 -0700", "17 Jul 1996 02:44:25 -0700"};
	struct message_date date;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		AUTO(buf_free) struct buf got = BUF(100);
		assert_true(message_parse_imap_date(slice_str(GOOD[i]), &date));
		message_write_imap_date(&got, date);
		/* The day is padded with a space on the way out. */
		assert_slice(slice_from(buf_slice(&got), 1), GOOD[i] + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(message_parse_imap_date(slice_str(BAD[i]), &date));
}

static void any_moment_can_be_written(void **state)
{
	static const int64_t SECONDS[] = {
		-100000000000000, -62167219200, 0, 253402300800, 100000000000000};
	for (size_t i = 0; i < ARRAY_LEN(SECONDS); i++) {
		AUTO(buf_free) struct buf got = BUF(100);
		message_write_imap_date(
			&got, (struct message_date){.seconds = SECONDS[i], .zone_minutes = -90});
		assert_int_equal(got.len, 26);
		assert_true(slice_ends(buf_slice(&got), SLICE(" -0130")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_dates_are_read_in_all_their_forms),
		cmocka_unit_test(the_moment_is_counted_in_utc),
		cmocka_unit_test(imap_dates_are_read_strictly_and_written_back),
		cmocka_unit_test(any_moment_can_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
