/* ENVELOPE, BODY and BODYSTRUCTURE as clients get them. */
#include "base/test.h"
#include "message/imap_form.h"

static const struct {
	const char *header, *envelope;
} ENVELOPES[] = {
	{"", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
	/* the example of RFC 9051 section 8 */
	{"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	 "From: Terry Gray <gray@cac.washington.edu>\r\n"
	 "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
	 "To: imap@cac.washington.edu\r\n"
	 "cc: minutes@CNRI.Reston.VA.US,\r\n   John Klensin <KLENSIN@MIT.EDU>\r\n"
	 "Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n",
		"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
		"\"IMAP4rev2 WG mtg summary and minutes\" "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((NIL NIL \"imap\" \"cac.washington.edu\")) "
		"((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
		"(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
		"\"<B27397-0100000@cac.washington.edu>\")"},
	/* present but empty; sender empty takes From */
	{"Subject:\r\nFrom: a@b\r\nSender: \r\nReply-To: c@d\r\nIn-Reply-To:  \r\n\r\n",
		"(NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) "
		"NIL NIL NIL \"\" NIL)"},
	/* a group; several To are one list, of several From the first counts */
	{"From: a@b\r\nFrom: x@y\r\nTo: G: c@d;\r\nTO : e@f\r\n\r\n",
		"(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
		"((NIL NIL \"G\" NIL)(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL)(NIL NIL \"e\" \"f\")) "
		"NIL NIL NIL NIL)"},
	/* quoting, literals, folds, NUL's stand-in is tested below */
	{"Subject: a \"b\" \\c\r\n d\r\nFrom: \"Q \\\"x\\\"\" <a@b>\r\nMessage-ID: "
	 "\xc3\xa9\r\n\r\n",
		"(NIL \"a \\\"b\\\" \\\\c d\" ((\"Q \\\"x\\\"\" NIL \"a\" \"b\")) "
		"((\"Q \\\"x\\\"\" NIL \"a\" \"b\")) ((\"Q \\\"x\\\"\" NIL \"a\" \"b\")) "
		"NIL NIL NIL NIL {2}\r\n\xc3\xa9)"},
	{"Subject: =?utf-8?q?a=C3=A9?=\r\nFrom: =?utf-8?q?x?= <a@b>\r\n\r\n",
		"(NIL \"=?utf-8?q?a=C3=A9?=\" ((\"=?utf-8?q?x?=\" NIL \"a\" \"b\")) "
		"((\"=?utf-8?q?x?=\" NIL \"a\" \"b\")) ((\"=?utf-8?q?x?=\" NIL \"a\" \"b\")) "
		"NIL NIL NIL NIL NIL)"},
	{"Subject: a\rb\r\nTo: root\r\n\r\n",
		"(NIL {3}\r\na\rb NIL NIL NIL ((NIL NIL \"root\" \"\")) NIL NIL NIL NIL)"},
};

static void envelopes_are_written_as_rfc_9051_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(ENVELOPES); i++) {
		AUTO(buf_free) struct buf got = BUF(10000);
		(void)message_write_envelope(slice_str(ENVELOPES[i].header), &got);
		assert_slice(buf_slice(&got), ENVELOPES[i].envelope);
	}
}

static void what_an_envelope_leaves_out_is_told(void **state)
{
	AUTO(buf_free) struct buf got = BUF(10000);
	assert_true(
		message_write_envelope(SLICE("To: a@b\r\nTo: c@d\r\nSubject: x\r\n\r\n"), &got));
	assert_false(message_write_envelope(SLICE("Subject: x\r\nSubject: y\r\n\r\n"), &got));
	assert_false(message_write_envelope(SLICE("Message-ID: x\0y\r\n\r\n"), &got));
}

static void no_nul_is_ever_written(void **state)
{
	AUTO(buf_free) struct buf got = BUF(1000);
	message_write_nstring(&got, SLICE("a\0b"));
	message_write_nstring(&got, SLICE("\xff\0"));
	message_write_nstring(&got, SLICE("\0\""));
	assert_slice(buf_slice(&got), "\"a?b\"{2}\r\n\xff?\"?\\\"\"");
}

static void a_stored_envelope_splits_into_its_ten_fields(void **state)
{
	static const char *const EXPECTED[] = {"NIL", "\"a \\\"b\\\" \\\\c d\"",
		"((\"Q \\\"x\\\"\" NIL \"a\" \"b\"))", NULL, NULL, "NIL", "NIL", "NIL", "NIL",
		"{2}\r\n\xc3\xa9"};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct slice envelope = slice_str(ENVELOPES[4].envelope), field;
	for (unsigned i = 0; i < MESSAGE_ENVELOPE_FIELDS; i++) {
		assert_true(message_envelope_field(envelope, i, &field));
		if (EXPECTED[i])
			assert_slice(field, EXPECTED[i]);
	}
	assert_false(message_envelope_field(envelope, MESSAGE_ENVELOPE_FIELDS, &field));
	assert_true(message_envelope_field(envelope, MESSAGE_ENVELOPE_SUBJECT, &field));
	assert_slice(message_read_nstring(field, &arena), "a \"b\" \\c d");
	assert_true(message_envelope_field(envelope, MESSAGE_ENVELOPE_MESSAGE_ID, &field));
	assert_slice(message_read_nstring(field, &arena), "\xc3\xa9");
	assert_null(message_read_nstring(SLICE("NIL"), &arena).ptr);
	assert_non_null(message_read_nstring(SLICE("\"\""), &arena).ptr);
}

static void a_damaged_envelope_is_refused_at_every_cut(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(ENVELOPES); i++)
		for (size_t len = 0; len + 1 < strlen(ENVELOPES[i].envelope); len++) {
			AUTO(arena_free) struct arena arena = ARENA_EMPTY;
			AUTO(buf_free) struct buf copy = BUF(len + 1);
			struct slice fields[MESSAGE_ENVELOPE_FIELDS];
			buf_add(&copy, ENVELOPES[i].envelope, len);
			assert_false(message_envelope_fields(buf_slice(&copy), fields));
		}
	struct slice field;
	assert_false(message_envelope_field(SLICE("({99}\r\nx"), 0, &field));
	assert_false(message_envelope_field(SLICE("({18446744073709551615}\r\nx"), 0, &field));
	assert_false(message_envelope_field(SLICE("(x)"), 0, &field));
}

static const struct {
	const char *message, *body, *structure;
} STRUCTURES[] = {
	{"", "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 0 0)",
		"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 0 0 NIL NIL NIL "
		"NIL)"},
	{"Content-Type: TEXT/PLAIN; CHARSET=utf-8; format=flowed\r\n"
	 "Content-Transfer-Encoding: 8bit\r\n\r\na\r\nb\r\n",
		"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"utf-8\" \"format\" \"flowed\") NIL NIL "
		"\"8bit\" 6 "
		"2)",
		"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"utf-8\" \"format\" \"flowed\") NIL NIL "
		"\"8bit\" 6 "
		"2 NIL NIL NIL NIL)"},
	{"Content-Type: text/x; format=flowed\r\n\r\n",
		"(\"text\" \"x\" (\"format\" \"flowed\" \"charset\" \"us-ascii\") NIL NIL \"7BIT\" "
		"0 "
		"0)",
		"(\"text\" \"x\" (\"format\" \"flowed\" \"charset\" \"us-ascii\") NIL NIL \"7BIT\" "
		"0 0 "
		"NIL NIL NIL NIL)"},
	{"Content-Type: image/png\r\nContent-ID: <1@x>\r\nContent-Description: pic\r\n"
	 "Content-Disposition: attachment; filename=\"a \\\"b\\\".png\"\r\nContent-MD5: q==\r\n"
	 "Content-Language: en, de\r\nContent-Location: l\r\n"
	 "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n",
		"(\"image\" \"png\" NIL \"<1@x>\" \"pic\" \"base64\" 6)",
		"(\"image\" \"png\" NIL \"<1@x>\" \"pic\" \"base64\" 6 \"q==\" (\"attachment\" "
		"(\"filename\" \"a \\\"b\\\".png\")) (\"en\" \"de\") \"l\")"},
	/* RFC 2231 goes out as such when it is more than ASCII */
	{"Content-Type: a/b; n*0*=iso-8859-1''caf%e9; n*1=\" x\"; m*=utf-8''plain\r\n"
	 "Content-Language: en\r\nContent-Disposition: inline\r\n\r\n",
		"(\"a\" \"b\" (\"n*\" \"utf-8''caf%C3%A9%20x\" \"m\" \"plain\") NIL NIL \"7BIT\" "
		"0)",
		"(\"a\" \"b\" (\"n*\" \"utf-8''caf%C3%A9%20x\" \"m\" \"plain\") NIL NIL \"7BIT\" 0 "
		"NIL "
		"(\"inline\" NIL) \"en\" NIL)"},
	{"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n"
	 "Content-Type: text/html\r\n\r\n<p>\r\n\r\n--b--\r\n",
		"((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 1 0)"
		"(\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 5 1) "
		"\"alternative\")",
		"((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 1 0 NIL NIL NIL "
		"NIL)"
		"(\"text\" \"html\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 5 1 NIL NIL NIL "
		"NIL) "
		"\"alternative\" (\"boundary\" \"b\") NIL NIL NIL)"},
	{"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n",
		"(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 18 (NIL \"in\" NIL NIL NIL NIL NIL "
		"NIL "
		"NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 3 1) 3)",
		"(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 18 (NIL \"in\" NIL NIL NIL NIL NIL "
		"NIL "
		"NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 3 1 NIL "
		"NIL "
		"NIL NIL) 3 NIL NIL NIL NIL)"},
	/* an encoded message has no envelope, so it must not look like one that has */
	{"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==",
		"(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4)",
		"(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL)"},
};

static void structures_are_written_as_rfc_9051_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(STRUCTURES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf got = BUF(10000);
		struct slice whole = slice_str(STRUCTURES[i].message);
		struct message_part *root = message_parse(whole, &arena);
		message_write_structure(root, whole, false, &got);
		assert_slice(buf_slice(&got), STRUCTURES[i].body);
		buf_clear(&got);
		message_write_structure(root, whole, true, &got);
		assert_slice(buf_slice(&got), STRUCTURES[i].structure);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelopes_are_written_as_rfc_9051_says),
		cmocka_unit_test(what_an_envelope_leaves_out_is_told),
		cmocka_unit_test(no_nul_is_ever_written),
		cmocka_unit_test(a_stored_envelope_splits_into_its_ten_fields),
		cmocka_unit_test(a_damaged_envelope_is_refused_at_every_cut),
		cmocka_unit_test(structures_are_written_as_rfc_9051_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
