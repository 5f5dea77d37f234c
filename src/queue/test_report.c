/* Delivery reports of all kinds, field by field. */
#include "base/test.h"
#include "queue/report.h"

#include "base/clock.h"
#include "message/message.h"
#include "message/seven_bit.h"

enum { MONDAY = 1735689600 + 5 * 86400 }; /* 2025-01-06 */

static const struct queue_report_recipient recipient = {
	.action = QUEUE_REPORT_FAILED,
	.address = SLICE("ann@b.test"),
};
static const struct queue_report report = {
	.hostname = "mail.a.test",
	.sender = SLICE("sue@a.test"),
	.recipients = &recipient,
	.count = 1,
	.extra = SLICE("Received: by us\r\n"),
	.message = SLICE("Subject: x\r\n\r\nBODY\r\n"),
};

static struct slice write(const struct queue_report *r, struct buf *to)
{
	*to = BUF(1 << 20);
	queue_report_write(r, to);
	assert_false(to->failed);
	return buf_slice(to);
}

static bool has(struct slice text, const char *part)
{
	return slice_search(text, slice_str(part)) >= 0;
}

static void who_is_told_of_what(void **state)
{
	static const struct {
		unsigned notify;
		bool failed, delayed, others;
	} CASES[] = {
		{0, true, true, false},
		{ENVELOPE_NOTIFY_NEVER, false, false, false},
		{ENVELOPE_NOTIFY_SUCCESS, false, false, true},
		{ENVELOPE_NOTIFY_FAILURE, true, false, false},
		{ENVELOPE_NOTIFY_DELAY, false, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		for (int a = QUEUE_REPORT_FAILED; a <= QUEUE_REPORT_DELIVERED; a++) {
			bool wanted = a == QUEUE_REPORT_FAILED    ? CASES[i].failed
				      : a == QUEUE_REPORT_DELAYED ? CASES[i].delayed
								  : CASES[i].others;
			enum queue_report_action action = (enum queue_report_action)a;
			assert_int_equal(
				queue_report_wanted(SLICE("a@b"), CASES[i].notify, action), wanted);
			assert_false(queue_report_wanted(SLICE(""), CASES[i].notify, action));
		}
}

static void a_failure_says_who_said_what(void **state)
{
	struct queue_report r = report;
	struct queue_report_recipient to = recipient;
	struct buf text;
	to.status = "5.1.1";
	to.words = "No such user";
	to.remote = "mx.b.test";
	to.code = 550;
	to.said_status = "5.1.1";
	to.said_text = "No such\ruser \xc3\xa9";
	to.orcpt = SLICE("rfc822;Ann+2Bx@old.test");
	to.last_attempt = MONDAY;
	to.retry_until = MONDAY;
	r.recipients = &to;
	r.envid = SLICE("QQ+2B1");
	r.arrival = MONDAY - 60;
	struct slice got = write(&r, &text);
	assert_true(has(got, "\r\nContent-Type: message/delivery-status\r\n\r\n"
			     "Reporting-MTA: dns; mail.a.test\r\nOriginal-Envelope-Id: QQ+1\r\n"
			     "Arrival-Date: Sun, 05 Jan 2025 23:59:00 +0000\r\n\r\n"
			     "Original-Recipient: rfc822; Ann+x@old.test\r\n"
			     "Final-Recipient: rfc822; ann@b.test\r\nAction: failed\r\n"
			     "Status: 5.1.1\r\nRemote-MTA: dns; mx.b.test\r\n"
			     "Diagnostic-Code: smtp; 550 5.1.1 No such?user ??\r\n"
			     "Last-Attempt-Date: Mon, 06 Jan 2025 00:00:00 +0000\r\n\r\n--"));
	assert_true(has(got, "\r\n<ann@b.test>: No such user\r\n"
			     "    mx.b.test said: 550 5.1.1 No such?user ??\r\n"));
	assert_false(message_octets(got).eight_bit || message_octets(got).bare);
	buf_free(&text);
}

static void each_action_has_its_words(void **state)
{
	static const char *const WORDS[][3] = {
		{"failed", "5.0.0", "Subject: Your message was not delivered\r\n"},
		{"delayed", "4.0.0", "Subject: Your message is delayed\r\n"},
		{"expanded", "2.0.0", "Subject: Your message was distributed\r\n"},
		{"relayed", "2.0.0", "Subject: Your message was passed on\r\n"},
		{"delivered", "2.1.5", "Subject: Your message was delivered\r\n"},
	};
	for (int a = QUEUE_REPORT_FAILED; a <= QUEUE_REPORT_DELIVERED; a++) {
		struct queue_report r = report;
		struct queue_report_recipient to = recipient;
		struct buf text;
		char fields[80];
		to.action = (enum queue_report_action)a;
		to.retry_until = MONDAY;
		r.recipients = &to;
		struct slice got = write(&r, &text);
		(void)snprintf(fields, sizeof(fields), "\r\nAction: %s\r\nStatus: %s\r\n",
			WORDS[a][0], WORDS[a][1]);
		assert_true(has(got, fields));
		assert_true(has(got, WORDS[a][2]));
		assert_int_equal(
			has(got, "Will-Retry-Until: Mon, 06 Jan 2025"), a == QUEUE_REPORT_DELAYED);
		buf_free(&text);
	}
}

static void the_worst_is_the_subject(void **state)
{
	struct queue_report_recipient to[3] = {recipient, recipient, recipient};
	struct queue_report r = report;
	struct buf text;
	to[0].action = QUEUE_REPORT_RELAYED;
	to[1].action = QUEUE_REPORT_DELAYED;
	to[2].action = QUEUE_REPORT_DELIVERED;
	r.recipients = to;
	r.count = 3;
	struct slice got = write(&r, &text);
	assert_true(has(got, "Subject: Your message is delayed\r\n"));
	assert_true(has(got, "Action: relayed") && has(got, "Action: delivered"));
	buf_free(&text);
}

static void it_is_read_as_a_multipart_report(void **state)
{
	static const struct {
		const char *message;
		bool smtputf8;
		const char *types[3];
	} CASES[] = {
		{"Subject: x\r\n\r\nBODY\r\n", false, {"plain", "delivery-status", "rfc822"}},
		{"Subject: \xc3\xa9\r\n\r\nBODY\r\n", true,
			{"plain", "global-delivery-status", "global"}},
		{"Subject: x\r\n\r\nBO\nDY\r\n", false,
			{"plain", "delivery-status", "rfc822-headers"}},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct queue_report r = report;
		struct buf text;
		r.ret = ENVELOPE_RET_FULL;
		r.message = slice_str(CASES[i].message);
		r.smtputf8 = CASES[i].smtputf8;
		const struct message_part *root = message_parse(write(&r, &text), &arena);
		assert_int_equal(root->child_count, 3);
		const struct message_part *part = root->first_child;
		for (int k = 0; k < 3; k++, part = part->next) {
			assert_slice(part->subtype, CASES[i].types[k]);
			assert_slice(part->encoding, CASES[i].smtputf8 ? "8bit" : "7BIT");
		}
		assert_slice(root->encoding, CASES[i].smtputf8 ? "8bit" : "7BIT");
		buf_free(&text);
	}
}

static void the_message_comes_back_as_asked(void **state)
{
	static const struct {
		enum queue_report_action action;
		enum envelope_ret ret;
		bool whole;
	} CASES[] = {
		{QUEUE_REPORT_DELIVERED, ENVELOPE_RET_FULL, false},
		{QUEUE_REPORT_DELAYED, ENVELOPE_RET_FULL, false},
		{QUEUE_REPORT_FAILED, ENVELOPE_RET_FULL, true},
		{QUEUE_REPORT_FAILED, ENVELOPE_RET_HDRS, false},
		{QUEUE_REPORT_FAILED, ENVELOPE_RET_UNSET, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct queue_report r = report;
		struct queue_report_recipient to = recipient;
		struct buf text;
		to.action = CASES[i].action;
		r.recipients = &to;
		r.ret = CASES[i].ret;
		struct slice got = write(&r, &text);
		assert_true(has(got, "Received: by us\r\nSubject: x\r\n"));
		assert_int_equal(has(got, "BODY"), CASES[i].whole);
		buf_free(&text);
	}
}

static void addresses_in_utf8_make_it_so(void **state)
{
	struct queue_report r = report;
	struct queue_report_recipient to = recipient;
	struct buf text;
	assert_false(queue_report_is_utf8(&r));
	to.address = SLICE("caf\xc3\xa9@b.test");
	to.is_utf8 = true;
	to.words = "caf\xc3\xa9 is closed\n";
	r.recipients = &to;
	assert_true(queue_report_is_utf8(&r));
	struct slice got = write(&r, &text);
	assert_true(has(got, "Final-Recipient: utf-8; caf\xc3\xa9@b.test\r\n"));
	assert_true(has(got, "Content-Type: message/global-delivery-status\r\n"));
	assert_true(has(got, "Content-Type: text/rfc822-headers\r\n"));
	assert_true(has(got, ">: caf\xc3\xa9 is closed?\r\n"));
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_of_what),
		cmocka_unit_test(a_failure_says_who_said_what),
		cmocka_unit_test(each_action_has_its_words),
		cmocka_unit_test(the_worst_is_the_subject),
		cmocka_unit_test(it_is_read_as_a_multipart_report),
		cmocka_unit_test(the_message_comes_back_as_asked),
		cmocka_unit_test(addresses_in_utf8_make_it_so),
	};
	(void)setenv("TZ", "UTC", 1);
	clock_fake(1000, 1000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
