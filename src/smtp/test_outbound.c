/* Servers elsewhere, scripted: what goes right, and each step at which it may not. */
#include "smtp/test_script.h"

#define EHLO_ALL                                                                                   \
	{                                                                                          \
		"EHLO us.a.test",                                                                  \
			"250-mx.b.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"     \
			"250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 BINARYMIME\r\n"            \
	}
#define EHLO_PIPELINING                                                                            \
	{                                                                                          \
		"EHLO us.a.test", "250-mx.b.test\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n" \
	}
#define MAIL_OK                                                                                    \
	{                                                                                          \
		"MAIL FROM:<sue@a.test>", "250 2.1.0 ok\r\n"                                       \
	}
#define RCPT_OK                                                                                    \
	{                                                                                          \
		"RCPT TO:<", "250 2.1.5 ok\r\n"                                                    \
	}
#define DATA_OK                                                                                    \
	{                                                                                          \
		"DATA", "354 go\r\n"                                                               \
	}
#define TAKEN                                                                                      \
	{                                                                                          \
		".", "250 2.0.0 queued as 17\r\n"                                                  \
	}
#define RSET                                                                                       \
	{                                                                                          \
		"RSET", "250 ok\r\n"                                                               \
	}

#define SENT "EHLO us.a.test\r\nMAIL FROM:<sue@a.test>\r\n"
#define TEXT "Received: by us\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"

static void a_message_is_sent_command_by_command(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, DATA_OK, TAKEN, QUIT), NULL);
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_int_equal(c->recipients[0].result, 0);
	assert_int_equal(c->recipients[0].said->code, 250);
	assert_string_equal(c->recipients[0].said->text, "queued as 17");
	assert_string_equal(c->recipients[0].said->host, "mx.b.test");
	assert_false(smtp_outbound_has(c->outbound, SMTP_HAS_DSN));
	assert_string_equal(
		script_client_close(c), SENT "RCPT TO:<ann@b.test>\r\nDATA\r\n" TEXT "QUIT\r\n");
	script_client_free(c);
}

static void parameters_go_out_where_they_are_offered(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, EHLO_ALL, MAIL_OK, RCPT_OK, RCPT_OK, {"BDAT", "250 ok\r\n"}, QUIT),
		NULL);
	c->t.sender.ret = ENVELOPE_RET_HDRS;
	c->t.sender.envid = SLICE("QQ1");
	c->recipients[0].envelope.notify = ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY;
	c->recipients[0].envelope.orcpt = SLICE("rfc822;old@b.test");
	c->t.message = SLICE("Subject: x\r\n\r\n.caf\xc3\xa9\r\n");
	assert_int_equal(script_client_send(c, 2), SMTP_SENT);
	assert_int_equal(c->recipients[0].result, 0);
	assert_int_equal(c->recipients[1].result, 0);
	assert_true(smtp_outbound_has(c->outbound, SMTP_HAS_DSN));
	assert_string_equal(script_client_close(c),
		"EHLO us.a.test\r\nMAIL FROM:<sue@a.test> SIZE=39 BODY=8BITMIME RET=HDRS "
		"ENVID=QQ1\r\n"
		"RCPT TO:<ann@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old@b.test\r\n"
		"RCPT TO:<ben@b.test>\r\nBDAT 39 LAST\r\n"
		"Received: by us\r\nSubject: x\r\n\r\n.caf\xc3\xa9\r\nQUIT\r\n");
	script_client_free(c);
}

static void an_original_address_in_utf8_is_written_in_ascii(void **state) /* RFC 6533 section 3 */
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, {"EHLO", "250-x\r\n250 DSN\r\n"}, MAIL_OK,
			{"RCPT TO:<ann@b.test> ORCPT=utf-8;\\x{E9}v\\x{2603}\\x{1F426}@b.test\r\n",
				"250 ok\r\n"},
			DATA_OK, TAKEN, QUIT),
		NULL);
	c->recipients[0].envelope.orcpt =
		SLICE("utf-8;\xc3\xa9v\xe2\x98\x83\xf0\x9f\x90\xa6@b.test");
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_null(strchr(script_client_close(c), '!'));
	script_client_free(c);
}

static void helo_is_said_where_ehlo_is_refused(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, {"EHLO", "502 what?\r\n"}, {"HELO us.a.test", "250 hello\r\n"},
			MAIL_OK, RCPT_OK, DATA_OK, TAKEN),
		NULL);
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	script_client_free(c);
}

static void several_messages_go_through_one_connection(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, EHLO_PIPELINING, MAIL_OK, RCPT_OK, DATA_OK, TAKEN, MAIL_OK,
			{"RCPT", "550 5.1.1 no\r\n"}, RSET, MAIL_OK, RCPT_OK, DATA_OK,
			{".", "451 4.3.0 later\r\n"}, MAIL_OK, RCPT_OK, DATA_OK, TAKEN, QUIT),
		NULL);
	assert_int_equal(script_client_send(c, 1), SMTP_SENT);
	assert_int_equal(smtp_outbound_send(c->outbound, &c->t), SMTP_SENT);
	assert_true(c->recipients[0].result < 0);
	assert_int_equal(c->recipients[0].err.class, ERR_PERMANENT);
	assert_string_equal(c->recipients[0].err.status, "5.1.1");
	assert_int_equal(c->recipients[0].said->code, 550);
	assert_int_equal(smtp_outbound_send(c->outbound, &c->t), SMTP_SENT);
	assert_int_equal(c->recipients[0].err.class, ERR_TEMPORARY);
	assert_string_equal(c->recipients[0].err.status, "4.3.0");
	assert_int_equal(smtp_outbound_send(c->outbound, &c->t), SMTP_SENT);
	assert_int_equal(c->recipients[0].result, 0);
	script_client_free(c);
}

static void each_recipient_has_its_own_result(void **state)
{
	struct script_client *c =
		script_client_new(SCRIPT(HELLO, EHLO_PIPELINING, MAIL_OK,
					  {"RCPT", "550-5.1.1 no\r\n550 5.1.1 one\r\n"}, RCPT_OK,
					  {"RCPT", "552 too many\r\n"}, DATA_OK, TAKEN, QUIT),
			NULL);
	assert_int_equal(script_client_send(c, 3), SMTP_SENT);
	assert_int_equal(c->recipients[0].err.class, ERR_PERMANENT);
	assert_string_equal(c->recipients[0].said->text, "no one");
	assert_string_equal(c->recipients[0].said->status, "5.1.1");
	assert_int_equal(c->recipients[1].result, 0);
	assert_int_equal(c->recipients[2].err.class, ERR_TEMPORARY);
	assert_string_equal(c->recipients[2].err.status, "4.5.3");
	assert_int_equal(c->recipients[2].said->code, 552);
	script_client_free(c);
}

static void a_refused_sender_is_the_reason_for_all(void **state)
{
	static const struct script_step WITH[] = {HELLO, EHLO_PIPELINING,
		{"MAIL", "553 5.1.8 not you\r\n"}, {"RCPT", "503 5.5.1 MAIL first\r\n"},
		{"RCPT", "503 5.5.1 MAIL first\r\n"}, RSET, QUIT, {0}};
	static const struct script_step WITHOUT[] = {
		HELLO, PLAIN_EHLO, {"MAIL", "553 5.1.8 not you\r\n"}, RSET, QUIT, {0}};
	for (int i = 0; i < 2; i++) {
		struct script_client *c = script_client_new(i ? WITH : WITHOUT, NULL);
		assert_int_equal(script_client_send(c, 2), SMTP_SENT);
		for (int k = 0; k < 2; k++) {
			assert_string_equal(c->recipients[k].err.status, "5.1.8");
			assert_string_equal(c->recipients[k].said->text, "not you");
		}
		assert_null(strchr(script_client_close(c), '!'));
		script_client_free(c);
	}
}

static void many_recipients_go_in_groups(void **state)
{
	enum { MANY = 250 };
	static struct script_step steps[MANY + 10];
	static struct smtp_recipient recipients[MANY], *pointers[MANY];
	size_t n = 0;
	steps[n++] = (struct script_step)HELLO;
	steps[n++] = (struct script_step)EHLO_PIPELINING;
	steps[n++] = (struct script_step)MAIL_OK;
	for (size_t i = 0; i < MANY; i++) {
		steps[n++] =
			(struct script_step){"RCPT", i % 3 ? "250 ok\r\n" : "550 5.1.1 no\r\n"};
		recipients[i] = (struct smtp_recipient){.envelope.path.address = SLICE("a@b.test")};
		pointers[i] = &recipients[i];
	}
	steps[n++] = (struct script_step)DATA_OK;
	steps[n++] = (struct script_step)TAKEN;
	struct script_client *c = script_client_new(steps, NULL);
	c->t.recipients = pointers;
	assert_int_equal(script_client_send(c, MANY), SMTP_SENT);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(recipients[i].result < 0, i % 3 == 0);
	script_client_free(c);
}

static void refused_data_is_the_answer_for_who_is_left(void **state)
{
	struct script_client *c =
		script_client_new(SCRIPT(HELLO, PLAIN_EHLO, MAIL_OK, {"RCPT", "550 5.1.1 no\r\n"},
					  RCPT_OK, {"DATA", "554 5.6.0 no data\r\n"}, RSET, QUIT),
			NULL);
	assert_int_equal(script_client_send(c, 2), SMTP_SENT);
	assert_string_equal(c->recipients[0].err.status, "5.1.1");
	assert_string_equal(c->recipients[1].err.status, "5.6.0");
	script_client_free(c);
}

/* Where a connection may end, and what is known then. */
static void each_step_may_be_the_last(void **state)
{
	static const struct script_step CUTS[][9] = {
		{HELLO, PLAIN_EHLO, {"MAIL", NULL}},
		{HELLO, PLAIN_EHLO, MAIL_OK, {"RCPT", NULL}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, {"RCPT", NULL}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, RCPT_OK, {"DATA", NULL}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, RCPT_OK, {"DATA", "250 what?\r\n"}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, RCPT_OK, {"DATA", "gibberish\r\n"}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, {"RCPT", "421 4.3.2 bye\r\n"}},
		{HELLO, PLAIN_EHLO, {"MAIL", "421 4.3.2 bye\r\n"}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, RCPT_OK, {"DATA", "421 4.3.2 bye\r\n"}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, RCPT_OK, DATA_OK, {".", "421 4.3.2 bye\r\n"}},
	};
	enum { FIRST_BYE = 6 };
	for (size_t i = 0; i < ARRAY_LEN(CUTS); i++) {
		struct script_client *c = script_client_new(CUTS[i], NULL);
		assert_int_equal(script_client_send(c, 2), SMTP_SENT_ENDED);
		for (int k = 0; k < 2; k++) {
			assert_true(c->recipients[k].result < 0);
			assert_int_equal(c->recipients[k].err.class, ERR_TEMPORARY);
			assert_int_equal(c->recipients[k].said != NULL, i >= FIRST_BYE);
			assert_string_equal(
				c->recipients[k].err.status, i >= FIRST_BYE ? "4.3.2" : "");
		}
		assert_int_equal(smtp_outbound_send(c->outbound, &c->t), SMTP_SENT_ENDED);
		assert_null(strstr(script_client_close(c), "QUIT"));
		script_client_free(c);
	}
}

/* The message is more than the buffers of both sockets hold. */
static void an_answer_in_the_middle_of_the_message_counts(void **state)
{
	static const struct script_step STEPS[][9] = {
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, {"DATA", "354 go\r\n"},
			{"Received", "552 5.3.4 too big\r\n"}, {"", NULL}},
		{HELLO, {"EHLO", "250-x\r\n250 CHUNKING\r\n"}, MAIL_OK, RCPT_OK, {"BDA", ""},
			{"Received", "552 5.3.4 too big\r\n"}, {"", NULL}},
		{HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, {"DATA", "354 go\r\n"}, {"Received", NULL}},
	};
	struct buf text = BUF(8 << 20);
	buf_add_str(&text, "Subject: x\r\n\r\n");
	while (text.len < 6 << 20)
		buf_printf(&text, "%900d\r\n", 0);
	for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
		struct script_client *c = script_client_new(STEPS[i], NULL);
		c->t.message = buf_slice(&text);
		assert_int_equal(script_client_send(c, 1), SMTP_SENT_ENDED);
		assert_int_equal(c->recipients[0].err.class, i < 2 ? ERR_PERMANENT : ERR_TEMPORARY);
		assert_string_equal(c->recipients[0].err.status, i < 2 ? "5.3.4" : "");
		assert_int_equal(c->recipients[0].said != NULL, i < 2);
		script_client_free(c);
	}
	buf_free(&text);
}

static void a_lost_answer_is_an_outcome_of_its_own(void **state)
{
	static const struct script_step STEPS[][9] = {
		{HELLO, PLAIN_EHLO, MAIL_OK, {"RCPT", "550 5.1.1 no\r\n"}, RCPT_OK, DATA_OK,
			{".", NULL}},
		{HELLO, PLAIN_EHLO, MAIL_OK, {"RCPT", "550 5.1.1 no\r\n"}, RCPT_OK, DATA_OK,
			{".", "25"}, {"", NULL}},
	};
	for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
		struct script_client *c = script_client_new(STEPS[i], NULL);
		assert_int_equal(script_client_send(c, 2), SMTP_SENT_IN_DOUBT);
		assert_string_equal(c->recipients[0].err.status, "5.1.1");
		assert_non_null(c->recipients[0].said);
		assert_int_equal(c->recipients[1].err.class, ERR_TEMPORARY);
		assert_null(c->recipients[1].said);
		script_client_free(c);
	}
}

static void silence_ends_by_its_own_time_out(void **state)
{
	struct script_client *c = script_client_new(
		SCRIPT(HELLO, PLAIN_EHLO, MAIL_OK, RCPT_OK, DATA_OK, {".", ""}), NULL);
	c->options.patience.data_end = 30;
	assert_int_equal(script_client_send(c, 1), SMTP_SENT_IN_DOUBT);
	script_client_free(c);
	c = script_client_new(SCRIPT({"", ""}), NULL);
	c->options.patience.greeting = 30;
	assert_true(script_client_open(c) < 0);
	assert_int_equal(c->err.kind, ERR_UNAVAILABLE);
	assert_int_equal(c->err.class, ERR_TEMPORARY);
	script_client_free(c);
}

static void what_fails_before_mail_says_how(void **state)
{
	static char endless[4100] = "250-";
	memset(endless + 4, 'x', 4096 - 4);
	memcpy(endless + 4096, "\r\n", 3);
	const struct {
		struct script_step steps[5];
		enum err_class class;
		enum err_kind kind;
		int code;
	} CASES[] = {
		{{{"", NULL}}, ERR_TEMPORARY, ERR_UNAVAILABLE, 0},
		{{{"", "554 5.3.2 go away\r\n"}, QUIT}, ERR_PERMANENT, ERR_UNAVAILABLE, 554},
		{{{"", "451 4.3.2 later\r\n"}, QUIT}, ERR_TEMPORARY, ERR_OTHER, 451},
		{{{"", "421 4.3.2 busy\r\n"}}, ERR_TEMPORARY, ERR_UNAVAILABLE, 421},
		{{{"", "HTTP/1.1 400 what\r\n"}}, ERR_TEMPORARY, ERR_UNAVAILABLE, 0},
		{{HELLO, {"EHLO", NULL}}, ERR_TEMPORARY, ERR_UNAVAILABLE, 0},
		{{HELLO, {"EHLO", "421 no\r\n"}}, ERR_TEMPORARY, ERR_UNAVAILABLE, 421},
		{{HELLO, {"EHLO", "450 no\r\n"}, QUIT}, ERR_TEMPORARY, ERR_OTHER, 450},
		{{HELLO, {"EHLO", "550 no\r\n"}, {"HELO", "550 no\r\n"}, QUIT}, ERR_PERMANENT,
			ERR_UNAVAILABLE, 550},
		{{HELLO, {"EHLO", "550 no\r\n"}, {"HELO", NULL}}, ERR_TEMPORARY, ERR_UNAVAILABLE,
			550},
		{{HELLO, {"EHLO", endless}}, ERR_TEMPORARY, ERR_UNAVAILABLE, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct script_client *c = script_client_new(CASES[i].steps, NULL);
		assert_true(script_client_open(c) < 0);
		assert_int_equal(c->err.class, CASES[i].class);
		assert_int_equal(c->err.kind, CASES[i].kind);
		assert_int_equal(c->opening.said ? c->opening.said->code : 0, CASES[i].code);
		script_client_free(c);
	}
}

static void a_closed_port_is_not_reached(void **state)
{
	struct script_client *c = script_client_new(SCRIPT(HELLO), NULL);
	(void)script_heard(c->script); /* it listens no more */
	assert_true(script_client_open(c) < 0);
	assert_int_equal(c->err.class, ERR_TEMPORARY);
	assert_int_equal(c->err.kind, ERR_UNAVAILABLE);
	script_client_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_sent_command_by_command),
		cmocka_unit_test(parameters_go_out_where_they_are_offered),
		cmocka_unit_test(an_original_address_in_utf8_is_written_in_ascii),
		cmocka_unit_test(helo_is_said_where_ehlo_is_refused),
		cmocka_unit_test(several_messages_go_through_one_connection),
		cmocka_unit_test(each_recipient_has_its_own_result),
		cmocka_unit_test(a_refused_sender_is_the_reason_for_all),
		cmocka_unit_test(many_recipients_go_in_groups),
		cmocka_unit_test(refused_data_is_the_answer_for_who_is_left),
		cmocka_unit_test(each_step_may_be_the_last),
		cmocka_unit_test(an_answer_in_the_middle_of_the_message_counts),
		cmocka_unit_test(a_lost_answer_is_an_outcome_of_its_own),
		cmocka_unit_test(silence_ends_by_its_own_time_out),
		cmocka_unit_test(what_fails_before_mail_says_how),
		cmocka_unit_test(a_closed_port_is_not_reached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
