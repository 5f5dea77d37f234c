/* Delivery reports. */
#include "base/test.h"
#include "smtp/dsn.h"

#include "base/clock.h"

static const struct {
	const char *address, *orcpt;
	unsigned notify;
	bool failed;
} RECIPIENTS[] = {
	{"ann@example.org", "rfc822;Ann+2Bx@old.org", ENVELOPE_NOTIFY_SUCCESS, false},
	{"ben@example.org", "", 0, false},
	{"cyd@example.org", "", ENVELOPE_NOTIFY_NEVER, true},
	{"dan@example.org", "", 0, true},
	{"eve@example.org", "utf-8;ev\xc3\xa9@old.org",
		ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_FAILURE, true},
};
enum { COUNT = ARRAY_LEN(RECIPIENTS) };

struct fixture {
	struct smtp_recipient recipients[COUNT], *pointers[COUNT];
	struct smtp_transaction t;
	struct buf text;
};

static struct fixture *make(void)
{
	static struct fixture f;
	f = (struct fixture){.text = BUF(1 << 20)};
	for (size_t i = 0; i < COUNT; i++) {
		struct smtp_recipient *r = f.pointers[i] = &f.recipients[i];
		r->envelope.path.address = slice_str(RECIPIENTS[i].address);
		r->envelope.orcpt = slice_str(RECIPIENTS[i].orcpt);
		r->envelope.notify = RECIPIENTS[i].notify;
		if (RECIPIENTS[i].failed)
			r->result = err_permanent(&r->err, ERR_OVER_QUOTA, "Mailbox is full");
		if (i == COUNT - 1)
			(void)err_status(&r->err, "5.2.2");
	}
	f.t = (struct smtp_transaction){
		.sender.path.address = SLICE("sue@example.org"),
		.sender.envid = SLICE("QQ+2B1"),
		.recipients = f.pointers,
		.count = COUNT,
		.extra = SLICE("Received: by us\r\n"),
		.message = SLICE("Subject: x\r\n\r\nBODY\r\n"),
	};
	return &f;
}

static struct slice report(struct fixture *f, enum smtp_dsn_action action)
{
	buf_clear(&f->text);
	smtp_dsn_write(&f->t, action, "mail.example.org", &f->text);
	assert_false(f->text.failed);
	return buf_slice(&f->text);
}

static bool has(struct slice text, const char *part)
{
	return slice_search(text, slice_str(part)) >= 0;
}

static void reports_are_wanted_as_rfc_3461_says(void **state)
{
	static const bool DELIVERED[COUNT] = {true, false, false, false, false};
	static const bool FAILED[COUNT] = {false, false, false, true, true};
	struct fixture *f = make();
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(
			smtp_dsn_wanted(&f->t, f->pointers[i], SMTP_DSN_DELIVERED), DELIVERED[i]);
		assert_int_equal(
			smtp_dsn_wanted(&f->t, f->pointers[i], SMTP_DSN_FAILED), FAILED[i]);
	}
	f->t.sender.path.address = SLICE("");
	for (size_t i = 0; i < COUNT; i++) {
		assert_false(smtp_dsn_wanted(&f->t, f->pointers[i], SMTP_DSN_DELIVERED));
		assert_false(smtp_dsn_wanted(&f->t, f->pointers[i], SMTP_DSN_FAILED));
	}
}

static void a_report_names_only_those_it_is_wanted_for(void **state)
{
	struct fixture *f = make();
	struct slice text = report(f, SMTP_DSN_DELIVERED);
	assert_true(has(text, "\r\n\r\nOriginal-Recipient: rfc822; Ann+x@old.org\r\n"
			      "Final-Recipient: rfc822; ann@example.org\r\n"
			      "Action: delivered\r\nStatus: 2.1.5\r\n\r\n--"));
	assert_true(has(text, "<ann@example.org>: delivered to the mailbox\r\n"));
	for (size_t i = 1; i < COUNT; i++)
		assert_false(has(text, RECIPIENTS[i].address));
	buf_free(&f->text);
}

static void failures_are_told_with_their_status(void **state)
{
	struct fixture *f = make();
	struct slice text = report(f, SMTP_DSN_FAILED);
	assert_true(has(text, "\r\n\r\nFinal-Recipient: rfc822; dan@example.org\r\n"
			      "Action: failed\r\nStatus: 5.0.0\r\n\r\n"
			      "Original-Recipient: utf-8; ev\xc3\xa9@old.org\r\n"
			      "Final-Recipient: rfc822; eve@example.org\r\n"
			      "Action: failed\r\nStatus: 5.2.2\r\n\r\n--"));
	assert_true(has(text, "<eve@example.org>: Mailbox is full\r\n"));
	assert_false(has(text, "cyd@"));
	buf_free(&f->text);
}

static void the_header_makes_a_report_that_nobody_answers(void **state)
{
	struct fixture *f = make();
	struct slice text = report(f, SMTP_DSN_DELIVERED);
	assert_true(slice_starts(text, SLICE("From: Mail delivery <postmaster@mail.example.org>"
					     "\r\nTo: <sue@example.org>\r\nDate: ")));
	assert_true(has(text, "\r\nAuto-Submitted: auto-replied\r\n"));
	assert_true(has(text, "\r\nContent-Type: multipart/report; "
			      "report-type=delivery-status;\r\n\tboundary=\""));
	assert_true(has(text, "\r\nReporting-MTA: dns; mail.example.org\r\n"
			      "Original-Envelope-Id: QQ+1\r\n"));
	buf_free(&f->text);
}

static void the_body_comes_back_only_with_a_failure_and_ret_full(void **state)
{
	static const struct {
		enum smtp_dsn_action action;
		enum envelope_ret ret;
		bool whole;
	} CASES[] = {
		{SMTP_DSN_DELIVERED, ENVELOPE_RET_FULL, false},
		{SMTP_DSN_DELIVERED, ENVELOPE_RET_UNSET, false},
		{SMTP_DSN_FAILED, ENVELOPE_RET_FULL, true},
		{SMTP_DSN_FAILED, ENVELOPE_RET_HDRS, false},
		{SMTP_DSN_FAILED, ENVELOPE_RET_UNSET, false},
	};
	struct fixture *f = make();
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		f->t.sender.ret = CASES[i].ret;
		struct slice text = report(f, CASES[i].action);
		assert_true(has(text, "Received: by us\r\nSubject: x\r\n"));
		assert_int_equal(has(text, "BODY"), CASES[i].whole);
		assert_int_equal(has(text, "message/rfc822"), CASES[i].whole);
		assert_int_equal(has(text, "text/rfc822-headers"), !CASES[i].whole);
	}
	buf_free(&f->text);
}

static void a_message_in_utf8_has_a_report_in_utf8(void **state)
{
	struct fixture *f = make();
	f->t.sender.smtputf8 = true;
	struct slice text = report(f, SMTP_DSN_FAILED);
	assert_true(has(text, "Content-Type: message/global-delivery-status\r\n"));
	assert_true(has(text, "Content-Type: message/global-headers\r\n"));
	buf_free(&f->text);
}

static void hidden_control_characters_stay_hidden(void **state)
{
	struct fixture *f = make();
	f->t.sender.envid = SLICE("a+0D+0AEvil:+20b");
	f->recipients[0].envelope.orcpt = SLICE("rfc822;a+0Ab");
	struct slice text = report(f, SMTP_DSN_DELIVERED);
	assert_true(has(text, "\r\nOriginal-Envelope-Id: a+0D+0AEvil:+20b\r\n"));
	assert_true(has(text, "\r\nOriginal-Recipient: rfc822; a+0Ab\r\n"));
	buf_free(&f->text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_are_wanted_as_rfc_3461_says),
		cmocka_unit_test(a_report_names_only_those_it_is_wanted_for),
		cmocka_unit_test(failures_are_told_with_their_status),
		cmocka_unit_test(the_header_makes_a_report_that_nobody_answers),
		cmocka_unit_test(the_body_comes_back_only_with_a_failure_and_ret_full),
		cmocka_unit_test(a_message_in_utf8_has_a_report_in_utf8),
		cmocka_unit_test(hidden_control_characters_stay_hidden),
	};
	clock_fake(1000, 1000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
