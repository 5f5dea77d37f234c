/* Who the client is, as a front end says. */
#include "base/test.h"
#include "envelope/xclient.h"

static void attributes_are_read_and_undone(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	assert_true(envelope_parse_xclient(
		SLICE("NAME=mail.example.org  addr=192.0.2.1 PORT=40000 PROTO=ESMTP "
		      "HELO=a+2Bb LOGIN=ann+40example.org DESTADDR=IPV6:2001:db8::1 DESTPORT=25 "
		      "REVERSE_NAME=[UNAVAILABLE] SESSION=s+2B1 TTL=4"),
		&arena, &x));
	static const char *const TEXTS[ENVELOPE_XCLIENT_ATTRIBUTES] = {"mail.example.org",
		"192.0.2.1", "40000", "ESMTP", "a+b", "ann@example.org", "2001:db8::1", "25", "",
		"s+1", "4"};
	for (size_t i = 0; i < ENVELOPE_XCLIENT_ATTRIBUTES; i++) {
		assert_true(x.is[i].given);
		assert_slice(x.is[i].text, TEXTS[i]);
	}
}

static void what_is_not_given_is_told_from_what_is_not_known(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	assert_true(envelope_parse_xclient(SLICE("NAME=[TEMPUNAVAIL] ADDR=ipv6:::1"), &arena, &x));
	assert_true(x.is[ENVELOPE_XCLIENT_NAME].given);
	assert_int_equal(x.is[ENVELOPE_XCLIENT_NAME].text.len, 0);
	assert_slice(x.is[ENVELOPE_XCLIENT_ADDR].text, "::1");
	assert_false(x.is[ENVELOPE_XCLIENT_HELO].given);
}

static void nonsense_is_refused(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct envelope_xclient x;
	static const char *const BAD[] = {"", " ", "NAME", "NAME=", "=x", "COLOUR=red",
		"NAME=a NAME=b", "NAME=a+0D+0AX", "NAME=a+00", "NAME=a+", "NAME=a=b",
		"NAME=\xc3\xa4",
		"NAME=a,ADDR"
		"=b"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		if (envelope_parse_xclient(slice_str(BAD[i]), &arena, &x))
			fail_msg("\"%s\" is taken", BAD[i]);
}

static void what_is_offered_is_said_as_xtext(void **state)
{
	AUTO(buf_free) struct buf to = BUF(1024);
	const struct slice texts[ENVELOPE_XCLIENT_ATTRIBUTES] = {
		[ENVELOPE_XCLIENT_ADDR] = SLICE("2001:db8::1"),
		[ENVELOPE_XCLIENT_PORT] = SLICE("25"),
		[ENVELOPE_XCLIENT_HELO] = SLICE("a+b c=d\r\nRSET"),
		[ENVELOPE_XCLIENT_DESTADDR] = SLICE("192.0.2.1"),
		[ENVELOPE_XCLIENT_SESSION] = SLICE("[UNAVAILABLE]"),
		[ENVELOPE_XCLIENT_TTL] = SLICE("4")};
	unsigned offered =
		envelope_xclient_offered(SLICE("NAME ADDR COLOUR helo DESTADDR SESSION TTL"));
	envelope_write_xclient(texts, offered, &to);
	assert_slice(buf_slice(&to), " ADDR=IPV6:2001:db8::1 HELO=a+2Bb+20c+3Dd+0D+0ARSET"
				     " DESTADDR=192.0.2.1 SESSION=+5BUNAVAILABLE] TTL=4");
	buf_clear(&to);
	envelope_write_xclient(texts, envelope_xclient_offered(SLICE("")), &to);
	assert_int_equal(to.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_read_and_undone),
		cmocka_unit_test(what_is_not_given_is_told_from_what_is_not_known),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(what_is_offered_is_said_as_xtext),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
