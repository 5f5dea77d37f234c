/* Command lines and their parameters. */
#include "base/test.h"
#include "envelope/command.h"

static void verbs_are_found_in_any_case(void **state)
{
	struct slice rest;
	assert_int_equal(envelope_cut_verb(SLICE("mAiL FROM:<>"), &rest), ENVELOPE_MAIL);
	assert_slice(rest, "FROM:<>");
	assert_int_equal(envelope_cut_verb(SLICE("QUIT"), &rest), ENVELOPE_QUIT);
	assert_slice(rest, "");
	assert_int_equal(envelope_cut_verb(SLICE("ehlo   a.org  "), &rest), ENVELOPE_EHLO);
	assert_slice(rest, "a.org");
	assert_int_equal(envelope_cut_verb(SLICE("MAILX"), &rest), ENVELOPE_UNKNOWN);
	assert_int_equal(envelope_cut_verb(SLICE(" QUIT"), &rest), ENVELOPE_UNKNOWN);
	assert_int_equal(envelope_cut_verb(SLICE(""), &rest), ENVELOPE_UNKNOWN);
	assert_int_equal(envelope_cut_verb(SLICE("QU\0IT"), &rest), ENVELOPE_UNKNOWN);
}

static enum envelope_parsed mail(const char *text, struct envelope_sender *s)
{
	return envelope_parse_mail(slice_str(text), s);
}

static enum envelope_parsed rcpt(const char *text, struct envelope_recipient *r)
{
	return envelope_parse_rcpt(slice_str(text), r);
}

static void mail_takes_all_its_parameters(void **state)
{
	struct envelope_sender s;
	assert_int_equal(mail("FROM:<a@b> SIZE=1000 BODY=BINARYMIME SMTPUTF8 RET=HDRS "
			      "ENVID=x+2By AUTH=<> REQUIRETLS",
				 &s),
		ENVELOPE_PARSED);
	assert_slice(s.path.address, "a@b");
	assert_int_equal(s.size, 1000);
	assert_int_equal(s.body, ENVELOPE_BINARYMIME);
	assert_true(s.smtputf8);
	assert_true(s.require_tls);
	assert_int_equal(s.ret, ENVELOPE_RET_HDRS);
	assert_slice(s.envid, "x+2By");
	assert_slice(s.auth, "<>");
	assert_int_equal(mail("from: <> body=8bitmime ret=full", &s), ENVELOPE_PARSED);
	assert_int_equal(s.body, ENVELOPE_8BITMIME);
	assert_int_equal(s.ret, ENVELOPE_RET_FULL);
	assert_slice(s.path.address, "");
}

static void mail_without_parameters_has_defaults(void **state)
{
	struct envelope_sender s;
	assert_int_equal(mail("FROM:<a@b>", &s), ENVELOPE_PARSED);
	assert_int_equal(s.size, 0);
	assert_int_equal(s.body, ENVELOPE_7BIT);
	assert_false(s.smtputf8);
	assert_int_equal(s.ret, ENVELOPE_RET_UNSET);
	assert_int_equal(s.envid.len, 0);
}

static void mail_tells_what_is_wrong(void **state)
{
	struct envelope_sender s;
	static const char *const BAD[] = {"SIZE", "SIZE=", "SIZE=x", "SIZE=-1", "SIZE=1 SIZE=2",
		"SIZE=123456789012345678901", "BODY=9BIT", "BODY", "SMTPUTF8=1",
		"REQUIRETLS=", "RET=ALL", "RET=FULL RET=HDRS", "ENVID=", "ENVID=a+", "ENVID=a+2",
		"ENVID=a+2b", "ENVID=a=b", "ENVID=a ENVID=b", "NOTIFY=NEVER", "XYZ", "=", "XYZ=1"};
	char text[100];
	assert_int_equal(mail("", &s), ENVELOPE_BAD_SYNTAX);
	assert_int_equal(mail("TO:<a@b>", &s), ENVELOPE_BAD_SYNTAX);
	assert_int_equal(mail("FROM:", &s), ENVELOPE_BAD_PATH);
	assert_int_equal(mail("FROM:<a@b", &s), ENVELOPE_BAD_PATH);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		(void)snprintf(text, sizeof(text), "FROM:<a@b> %s", BAD[i]);
		if (mail(text, &s) != ENVELOPE_BAD_PARAMETER)
			fail_msg("\"%s\" is taken", text);
	}
}

static void a_size_past_all_numbers_is_a_large_size(void **state)
{
	struct envelope_sender s;
	assert_int_equal(mail("FROM:<> SIZE=99999999999999999999", &s), ENVELOPE_PARSED);
	assert_true(s.size == UINT64_MAX);
}

static void envid_is_bounded(void **state)
{
	struct envelope_sender s;
	char text[200] = "FROM:<> ENVID=";
	size_t head = strlen(text);
	memset(text + head, 'x', ENVELOPE_ENVID_MAX);
	assert_int_equal(
		envelope_parse_mail(slice(text, head + ENVELOPE_ENVID_MAX), &s), ENVELOPE_PARSED);
	text[head + ENVELOPE_ENVID_MAX] = 'x';
	assert_int_equal(envelope_parse_mail(slice(text, head + ENVELOPE_ENVID_MAX + 1), &s),
		ENVELOPE_BAD_PARAMETER);
}

static void rcpt_takes_notify_and_orcpt(void **state)
{
	struct envelope_recipient r;
	assert_int_equal(
		rcpt("TO:<a@b> NOTIFY=SUCCESS,delay ORCPT=rfc822;c+40d", &r), ENVELOPE_PARSED);
	assert_int_equal(r.notify, ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY);
	assert_slice(r.orcpt, "rfc822;c+40d");
	assert_int_equal(rcpt("to:<a@b> NOTIFY=NEVER", &r), ENVELOPE_PARSED);
	assert_int_equal(r.notify, ENVELOPE_NOTIFY_NEVER);
	assert_int_equal(rcpt("TO:<a@b>", &r), ENVELOPE_PARSED);
	assert_int_equal(r.notify, 0);
	assert_int_equal(rcpt("TO:<a@b> ORCPT=utf-8;bj\xc3\xb6rn@b", &r), ENVELOPE_PARSED);
	assert_int_equal(rcpt("TO:<postmaster>", &r), ENVELOPE_PARSED);
	assert_slice(r.path.local, "postmaster");
	assert_slice(r.path.domain, "");
}

static void rcpt_tells_what_is_wrong(void **state)
{
	struct envelope_recipient r;
	static const char *const BAD[] = {"NOTIFY", "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=X",
		"NOTIFY=SUCCESS,,DELAY", "NOTIFY=SUCCESS NOTIFY=DELAY", "ORCPT=", "ORCPT=a",
		"ORCPT=;a", "ORCPT=rfc822;", "ORCPT=rfc822;a+", "ORCPT=rfc\t822;a",
		"ORCPT=rfc822;bj\xc3\xb6rn", "ORCPT=utf-8;", "ORCPT=rfc822;a ORCPT=rfc822;b",
		"SIZE=1", "X"};
	char text[100];
	assert_int_equal(rcpt("FROM:<a@b>", &r), ENVELOPE_BAD_SYNTAX);
	assert_int_equal(rcpt("TO:<>", &r), ENVELOPE_BAD_PATH);
	assert_int_equal(rcpt("TO:", &r), ENVELOPE_BAD_PATH);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		(void)snprintf(text, sizeof(text), "TO:<a@b> %s", BAD[i]);
		if (rcpt(text, &r) != ENVELOPE_BAD_PARAMETER)
			fail_msg("\"%s\" is taken", text);
	}
}

static void bdat_takes_a_size_and_last(void **state)
{
	uint64_t size;
	bool last;
	assert_true(envelope_parse_bdat(SLICE("0"), &size, &last));
	assert_int_equal(size, 0);
	assert_false(last);
	assert_true(envelope_parse_bdat(SLICE("1000 last"), &size, &last));
	assert_int_equal(size, 1000);
	assert_true(last);
	static const char *const BAD[] = {
		"", "LAST", "x", "-1", "1 FIRST", "1 LAST LAST", "9223372036854775808", "0x10"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(envelope_parse_bdat(slice_str(BAD[i]), &size, &last));
}

static void xtext_is_undone(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice text;
	assert_true(envelope_from_xtext(SLICE("a+2Bb+3D+40"), &arena, &text));
	assert_slice(text, "a+b=@");
	assert_true(envelope_from_xtext(SLICE(""), &arena, &text));
	assert_slice(text, "");
	static const char *const BAD[] = {"+", "a+4", "a+4g", "a+4a", "a b", "a=b", "\xc3\xb6"};
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(envelope_from_xtext(slice_str(BAD[i]), &arena, &text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_are_found_in_any_case),
		cmocka_unit_test(mail_takes_all_its_parameters),
		cmocka_unit_test(mail_without_parameters_has_defaults),
		cmocka_unit_test(mail_tells_what_is_wrong),
		cmocka_unit_test(a_size_past_all_numbers_is_a_large_size),
		cmocka_unit_test(envid_is_bounded),
		cmocka_unit_test(rcpt_takes_notify_and_orcpt),
		cmocka_unit_test(rcpt_tells_what_is_wrong),
		cmocka_unit_test(bdat_takes_a_size_and_last),
		cmocka_unit_test(xtext_is_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
