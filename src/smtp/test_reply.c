/* Replies, line by line. */
#include "base/test.h"
#include "smtp/client_reply.h"

static enum smtp_reply_outcome read(
	const char *lines, struct smtp_client_reply *reply, struct smtp_offer *offer)
{
	struct slice rest = slice_str(lines);
	enum smtp_reply_outcome r = SMTP_REPLY_MORE;
	reply->lines = 0;
	while (rest.len > 0 && r == SMTP_REPLY_MORE)
		r = smtp_client_reply_line(reply, slice_cut(&rest, '\n'), offer);
	assert_int_equal(rest.len, 0);
	return r;
}

static void a_line_has_code_status_and_text(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *status, *text;
	} CASES[] = {
		{"250 ok", 250, "", "ok"},
		{"250", 250, "", ""},
		{"250 ", 250, "", ""},
		{"550 5.1.1 no such user", 550, "5.1.1", "no such user"},
		{"550 5.1.1", 550, "5.1.1", ""},
		{"450 5.7.23 grey", 450, "4.7.23", "grey"},
		{"250 2.0.0 2.0.0 is fine", 250, "2.0.0", "2.0.0 is fine"},
		{"550 5.1 none", 550, "", "5.1 none"},
		{"550 5.1.1x none", 550, "", "5.1.1x none"},
		{"550 5.1234.1 none", 550, "", "5.1234.1 none"},
		{"550 7.1.1 none", 550, "", "7.1.1 none"},
		{"550 bell\a and \xc3\xa9", 550, "", "bell? and ??"},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct smtp_client_reply reply;
		assert_int_equal(read(CASES[i].line, &reply, NULL), SMTP_REPLY_COMPLETE);
		assert_int_equal(reply.code, CASES[i].code);
		assert_string_equal(reply.status, CASES[i].status);
		assert_string_equal(reply.text, CASES[i].text);
	}
}

static void lines_are_joined(void **state)
{
	struct smtp_client_reply reply;
	assert_int_equal(
		read("550-5.7.1 One\n550-5.7.1  two \n550-\n550 5.7.1 three", &reply, NULL),
		SMTP_REPLY_COMPLETE);
	assert_string_equal(reply.status, "5.7.1");
	assert_string_equal(reply.text, "One two three");
	assert_int_equal(read("250-2.0.0 One\n450 two", &reply, NULL), SMTP_REPLY_COMPLETE);
	assert_int_equal(reply.code, 450);
	assert_string_equal(reply.status, "4.0.0");
}

static void what_is_no_reply_is_malformed(void **state)
{
	static const char *const BAD[] = {"", "25", "hello", "25x", "150 x", "600 x", " 250 x"};
	struct smtp_client_reply reply;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		reply.lines = 0;
		assert_int_equal(smtp_client_reply_line(&reply, slice_str(BAD[i]), NULL),
			SMTP_REPLY_MALFORMED);
	}
	reply.lines = 0;
	for (int i = 0; i < SMTP_REPLY_LINES_MAX; i++)
		assert_int_equal(
			smtp_client_reply_line(&reply, SLICE("250-x"), NULL), SMTP_REPLY_MORE);
	assert_int_equal(
		smtp_client_reply_line(&reply, SLICE("250 x"), NULL), SMTP_REPLY_MALFORMED);
}

static void text_is_bounded(void **state)
{
	struct smtp_client_reply reply = {0};
	char line[1500];
	memset(line, 'x', sizeof(line));
	memcpy(line, "550-", 4);
	for (int i = 0; i < 50; i++)
		assert_int_equal(smtp_client_reply_line(&reply, slice(line, sizeof(line)), NULL),
			SMTP_REPLY_MORE);
	assert_int_equal(strlen(reply.text), sizeof(reply.text) - 1);
}

static void extensions_are_read(void **state)
{
	struct smtp_client_reply reply;
	struct smtp_offer offer = {0};
	assert_int_equal(read("250-PIPELINING\n250-size 12345\n250-8BITMIME\n250-AUTH PLAIN "
			      "SCRAM-SHA-256\n250-AUTH=LOGIN\n250-XYZ\n250 REQUIRETLS",
				 &reply, &offer),
		SMTP_REPLY_COMPLETE);
	assert_int_equal(offer.extensions,
		SMTP_HAS_SIZE | SMTP_HAS_EIGHT_BIT | SMTP_HAS_AUTH | SMTP_HAS_REQUIRETLS);
	assert_int_equal(offer.size_max, 12345);
	assert_string_equal(offer.mechanisms, "PLAIN SCRAM-SHA-256");
	assert_int_equal(read("250-x\n250 SIZE", &reply, &offer), SMTP_REPLY_COMPLETE);
	assert_int_equal(offer.size_max, 0);
}

static void a_refusal_is_an_err(void **state)
{
	static const struct {
		const char *line;
		enum err_class class;
		enum err_kind kind;
		const char *status;
	} CASES[] = {
		{"550 5.1.1 x", ERR_PERMANENT, ERR_ABSENT, "5.1.1"},
		{"552 5.2.2 x", ERR_PERMANENT, ERR_OVER_QUOTA, "5.2.2"},
		{"450 4.2.0 x", ERR_TEMPORARY, ERR_OTHER, "4.2.0"},
		{"450 5.1.1 x", ERR_TEMPORARY, ERR_ABSENT, "4.1.1"},
		{"354 go", ERR_TEMPORARY, ERR_OTHER, ""},
		{"250 2.0.0 x", ERR_TEMPORARY, ERR_OTHER, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct smtp_client_reply reply;
		struct err err;
		assert_int_equal(read(CASES[i].line, &reply, NULL), SMTP_REPLY_COMPLETE);
		assert_true(smtp_client_reply_err(&reply, &err) < 0);
		assert_int_equal(err.class, CASES[i].class);
		assert_int_equal(err.kind, CASES[i].kind);
		assert_string_equal(err.status, CASES[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_code_status_and_text),
		cmocka_unit_test(lines_are_joined),
		cmocka_unit_test(what_is_no_reply_is_malformed),
		cmocka_unit_test(text_is_bounded),
		cmocka_unit_test(extensions_are_read),
		cmocka_unit_test(a_refusal_is_an_err),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
