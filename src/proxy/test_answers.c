/* What back ends answer, and what is made of it. */
#include "envelope/xclient.h"
#include "proxy/imap_answer.h"
#include "proxy/pop3_answer.h"
#include "proxy/sieve_line.h"
#include "proxy/submission_answer.h"

#include "base/test.h"

static struct proxy_imap_line imap(const char *text)
{
	struct proxy_imap_line line;
	assert_true(proxy_imap_read_line(slice_str(text), &line));
	return line;
}

static void lines_of_imap_are_read(void **state)
{
	struct proxy_imap_line line = imap("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] Hello");
	assert_int_equal(line.kind, PROXY_IMAP_UNTAGGED);
	assert_int_equal(line.status, PROXY_IMAP_OK);
	assert_slice(line.capabilities, "IMAP4rev1 SASL-IR AUTH=PLAIN");
	assert_int_equal(
		proxy_imap_traits(line.capabilities), PROXY_IMAP_SASL_IR | PROXY_IMAP_PLAIN);
	line = imap("* CAPABILITY IMAP4rev1 ID");
	assert_int_equal(line.status, PROXY_IMAP_DATA);
	assert_slice(line.capabilities, "IMAP4rev1 ID");
	line = imap("L NO [AUTHENTICATIONFAILED] No.");
	assert_int_equal(line.kind, PROXY_IMAP_TAGGED);
	assert_slice(line.tag, "L");
	assert_slice(line.rest, "NO [AUTHENTICATIONFAILED] No.");
	assert_slice(line.code, "AUTHENTICATIONFAILED");
	assert_int_equal(imap("+ abc").kind, PROXY_IMAP_GO_AHEAD);
	assert_slice(imap("+").rest, "");
	static const char *const wrong[] = {"", "*", "L", "L FETCH x", "* ", "HTTP/1.1 400 Bad"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(proxy_imap_read_line(slice_str(wrong[i]), &line));
}

static void literals_of_imap_are_seen(void **state)
{
	assert_int_equal(proxy_imap_literal(SLICE("* ID (\"a\" {12}")), 12);
	assert_int_equal(proxy_imap_literal(SLICE("* ID {12} x")), 0);
	assert_int_equal(proxy_imap_literal(SLICE("{}")), 0);
	assert_int_equal(proxy_imap_literal(SLICE("* X {99999999}")), 0);
	assert_int_equal(proxy_imap_literal(SLICE("12}")), 0);
}

static enum proxy_said imap_said(const char *text)
{
	struct proxy_imap_line line = imap(text);
	return proxy_imap_said(&line);
}

static void a_no_of_imap_is_about_the_password_unless_it_says_otherwise(void **state)
{
	assert_int_equal(imap_said("L OK in"), PROXY_SAID_YES);
	assert_int_equal(imap_said("L NO wrong"), PROXY_SAID_NO);
	assert_int_equal(imap_said("L NO [authenticationfailed] x"), PROXY_SAID_NO);
	assert_int_equal(imap_said("L NO [ALERT] x"), PROXY_SAID_NO);
	assert_int_equal(imap_said("L NO [AUTHORIZATIONFAILED] x"), PROXY_SAID_DENIED);
	assert_int_equal(imap_said("L NO [UNAVAILABLE] x"), PROXY_SAID_NOT_NOW);
	assert_int_equal(imap_said("L NO [LIMIT] x"), PROXY_SAID_NOT_NOW);
	assert_int_equal(imap_said("L BAD x"), PROXY_SAID_NOT_NOW);
}

static void what_is_each_servers_own_affair_is_not_announced(void **state)
{
	AUTO(buf_free) struct buf text = BUF(4096);
	proxy_imap_announce(
		SLICE("IMAP4rev1 LITERAL- IDLE AUTH=X STARTTLS LOGINDISABLED a]b \x80 COMPRESS"),
		&text);
	assert_slice(buf_slice(&text), "IMAP4rev1 LITERAL+ SASL-IR ID IDLE COMPRESS");
	buf_clear(&text);
	proxy_pop3_announce(SLICE("TOP\r\nSASL PLAIN\r\nSTLS\r\nUSER\r\nXCLIENT A\r\n\r\n.\r\n"
				  "EXPIRE NEVER\nbad\x01\n"),
		&text);
	assert_slice(buf_slice(&text), "TOP\r\nEXPIRE NEVER\r\n");
	buf_clear(&text);
	proxy_submission_announce(SLICE("SIZE 10\r\nAUTH PLAIN\r\nAUTH=PLAIN\r\nSTARTTLS\r\n"
					"XCLIENT ADDR\r\nREQUIRETLS\r\nPIPELINING\r\n"),
		false, &text);
	assert_slice(buf_slice(&text), "250-SIZE 10\r\n250-PIPELINING\r\n");
	buf_clear(&text);
	proxy_sieve_announce(
		SLICE("\"SIEVE\" \"fileinto\"\r\n\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\n"
		      "\"OWNER\" \"ann\"\r\n\"X\" {2}\r\nab\r\nOK\r\n\"VERSION\" \"1.0\"\r\n"),
		&text);
	assert_slice(buf_slice(&text), "\"SIEVE\" \"fileinto\"\r\n\"VERSION\" \"1.0\"\r\n");
}

static void answers_of_pop3(void **state)
{
	assert_int_equal(proxy_pop3_said(SLICE("+OK in")), PROXY_SAID_YES);
	assert_int_equal(proxy_pop3_said(SLICE("-ERR")), PROXY_SAID_NO);
	assert_int_equal(proxy_pop3_said(SLICE("-ERR [AUTH] no")), PROXY_SAID_NO);
	assert_int_equal(proxy_pop3_said(SLICE("-ERR [SYS/TEMP] x")), PROXY_SAID_NOT_NOW);
	assert_int_equal(proxy_pop3_said(SLICE("-ERR [IN-USE] x")), PROXY_SAID_NOT_NOW);
	assert_int_equal(proxy_pop3_status(SLICE("+ x")), PROXY_POP3_GO_AHEAD);
	assert_int_equal(proxy_pop3_status(SLICE("+OKAY")), PROXY_POP3_NONE);
	assert_int_equal(proxy_pop3_traits(SLICE("SASL LOGIN PLAIN XOAUTH2")),
		PROXY_POP3_PLAIN | PROXY_POP3_XOAUTH2);
	assert_int_equal(proxy_pop3_traits(SLICE("+OK [XCLIENT] hello")), PROXY_POP3_XCLIENT);
	assert_int_equal(proxy_pop3_traits(SLICE("TOP")), 0);
}

static void answers_of_submission(void **state)
{
	static const struct {
		const char *text;
		enum proxy_said said;
	} answers[] = {{"235 2.7.0 in", PROXY_SAID_YES}, {"535 5.7.8 no", PROXY_SAID_NO},
		{"535 no", PROXY_SAID_NO}, {"535 5.7.1 not you", PROXY_SAID_DENIED},
		{"454 4.7.0 x", PROXY_SAID_NOT_NOW}, {"504 5.5.4 x", PROXY_SAID_NOT_NOW}};
	struct proxy_submission_line line;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		assert_true(proxy_submission_read_line(slice_str(answers[i].text), &line));
		assert_int_equal(proxy_submission_said(&line), answers[i].said);
		assert_false(line.more);
	}
	assert_true(proxy_submission_read_line(SLICE("250-SIZE"), &line));
	assert_true(line.more && line.code == 250);
	assert_slice(line.text, "SIZE");
	assert_true(proxy_submission_read_line(SLICE("250"), &line));
	static const char *const wrong[] = {"", "25", "25x", "199 x", "600 x", "250x", "-250 x"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(proxy_submission_read_line(slice_str(wrong[i]), &line));
	assert_int_equal(proxy_submission_traits(SLICE("XCLIENT NAME ADDR TTL")),
		(1u << ENVELOPE_XCLIENT_NAME | 1u << ENVELOPE_XCLIENT_ADDR |
			1u << ENVELOPE_XCLIENT_TTL)
			<< PROXY_SUBMISSION_XCLIENT_SHIFT);
}

static void assert_sieve(const char *text, enum proxy_sieve_outcome outcome, size_t len,
	size_t count, const char *last)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct proxy_sieve_words words;
	assert_int_equal(proxy_sieve_read(slice_str(text), &arena, &words), outcome);
	if (outcome == PROXY_SIEVE_MORE)
		return;
	assert_int_equal(words.len, len);
	if (outcome == PROXY_SIEVE_BAD)
		return;
	assert_int_equal(words.count, count);
	if (count > 0)
		assert_slice(words.at[count - 1], last);
}

static void lines_of_managesieve_are_read(void **state)
{
	assert_sieve("NOOP\r\nx", PROXY_SIEVE_LINE, 6, 1, "NOOP");
	assert_sieve("NOOP\n", PROXY_SIEVE_LINE, 5, 1, "NOOP");
	assert_sieve("\r\n", PROXY_SIEVE_LINE, 2, 0, "");
	assert_sieve("A \"b \\\"c\\\\\"\r\n", PROXY_SIEVE_LINE, 13, 2, "b \"c\\");
	assert_sieve("A \"\"\r\n", PROXY_SIEVE_LINE, 6, 2, "");
	assert_sieve("A {3+}\r\nx\r\n\r\n", PROXY_SIEVE_LINE, 13, 2, "x\r\n");
	assert_sieve("A {3+}\r\nx\r\n", PROXY_SIEVE_MORE, 0, 0, "");
	assert_sieve("A \"b", PROXY_SIEVE_MORE, 0, 0, "");
	assert_sieve("A\r", PROXY_SIEVE_MORE, 0, 0, "");
	assert_sieve("A \"b\r\nx\r\n", PROXY_SIEVE_BAD, 6, 0, "");
	assert_sieve("A\x01\r\nx\r\n", PROXY_SIEVE_BAD, 4, 0, "");
	assert_sieve("A\rB\r\n", PROXY_SIEVE_BAD, 5, 0, "");
	/* What follows could be its bytes: nothing is known any more. */
	assert_sieve("A {99999999+}\r\nx\r\n", PROXY_SIEVE_BAD, 0, 0, "");
	assert_sieve("A {x}\r\n", PROXY_SIEVE_BAD, 0, 0, "");
	assert_int_equal(proxy_sieve_said(SLICE("OK \"in\"")), PROXY_SAID_YES);
	assert_int_equal(proxy_sieve_said(SLICE("NO \"wrong\"")), PROXY_SAID_NO);
	assert_int_equal(proxy_sieve_said(SLICE("NO (TRYLATER) \"x\"")), PROXY_SAID_NOT_NOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_imap_are_read),
		cmocka_unit_test(literals_of_imap_are_seen),
		cmocka_unit_test(a_no_of_imap_is_about_the_password_unless_it_says_otherwise),
		cmocka_unit_test(what_is_each_servers_own_affair_is_not_announced),
		cmocka_unit_test(answers_of_pop3),
		cmocka_unit_test(answers_of_submission),
		cmocka_unit_test(lines_of_managesieve_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
