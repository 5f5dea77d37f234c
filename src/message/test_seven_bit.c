/* Conversion for ways that carry less. */
#include "base/test.h"
#include "message/seven_bit.h"

#include "base/buf.h"
#include "message/message.h"

static int add(void *context, struct slice piece)
{
	buf_add_slice(context, piece);
	return 0;
}

/* Outcome, with the bytes in *out. */
static int convert(const char *message, enum message_transport transport, struct buf *out)
{
	*out = BUF(1 << 24);
	return message_convert(slice_str(message), transport, add, out);
}

static void becomes(const char *message, enum message_transport transport, const char *expected)
{
	struct buf out;
	assert_int_equal(convert(message, transport, &out), 0);
	assert_slice(buf_slice(&out), expected);
	buf_free(&out);
}

static void cannot(const char *message, enum message_transport transport)
{
	struct buf out;
	assert_int_equal(convert(message, transport, &out), MESSAGE_CANT_CONVERT);
	buf_free(&out);
}

static void octets_are_told(void **state)
{
	struct message_octets o = message_octets(SLICE("a\r\nb\r\n"));
	assert_false(o.eight_bit || o.nul || o.bare);
	o = message_octets(SLICE("\xc3\xa9\r\n"));
	assert_true(o.eight_bit && !o.nul && !o.bare);
	o = message_octets(SLICE("a\0b\n"));
	assert_true(!o.eight_bit && o.nul && o.bare);
	o = message_octets(SLICE_NONE);
	assert_false(o.eight_bit || o.nul || o.bare);
}

static void what_needs_nothing_stays(void **state)
{
	static const char PLAIN[] = "Subject: x\r\n\r\nOne line.\r\n";
	becomes(PLAIN, MESSAGE_SEVEN_BIT, PLAIN);
	becomes(PLAIN, MESSAGE_EIGHT_BIT, PLAIN);
	becomes("", MESSAGE_SEVEN_BIT, "");
	becomes("A: b", MESSAGE_SEVEN_BIT, "A: b");
}

static void text_becomes_quoted_printable(void **state)
{
	becomes("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 8bit\r\nSubject: x\r\n\r\n"
		"-- caf\xc3\xa9 = good \r\nend of a long text\t\r\n",
		MESSAGE_SEVEN_BIT,
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nSubject: x\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		"=2D- caf=C3=A9 =3D good=20\r\nend of a long text=09\r\n");
}

static void other_parts_and_dense_text_become_base64(void **state)
{
	becomes("MIME-Version: 1.0\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n",
		MESSAGE_SEVEN_BIT,
		"MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n");
	becomes("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n"
		"\xf0\xd2\xc9\r\n",
		MESSAGE_SEVEN_BIT,
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=koi8-r\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n8NLJDQo=\r\n");
}

static void without_mime_the_charset_is_unknown(void **state)
{
	becomes("Subject: x\r\n\r\nThe old caf\xe9 is here\r\n", MESSAGE_SEVEN_BIT,
		"Subject: x\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=unknown-8bit\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		"The old caf=E9 is here\r\n");
	becomes("\r\nThe old caf\xe9 is here\r\n", MESSAGE_SEVEN_BIT,
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		"The old caf=E9 is here\r\n");
}

#define MULTIPART(type, encoding, body)                                                            \
	"MIME-Version: 1.0\r\nContent-Type: multipart/" type "; boundary=b\r\n" encoding "\r"      \
	"\n" body
#define EIGHT "Content-Transfer-Encoding: 8bit\r\n"
#define SEVEN "Content-Transfer-Encoding: 7bit\r\n"

static void each_part_is_converted_by_itself(void **state)
{
	becomes(MULTIPART("mixed", EIGHT,
			"pre\r\n--b\r\n" EIGHT "\r\nThe caf\xc3\xa9 of all\r\n--b\r\n\r\nplain\r\n"
			"--b\r\nContent-Type: a/b\r\n\r\n\xff\r\n--b--\r\nafter\r\n"),
		MESSAGE_SEVEN_BIT,
		MULTIPART("mixed", SEVEN,
			"pre\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
			"The caf=C3=A9 of all\r\n--b\r\n\r\nplain\r\n--b\r\n"
			"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
			"/w==\r\n--b--\r\nafter\r\n"));
}

static void a_message_inside_is_converted_inside(void **state)
{
	becomes("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n" EIGHT "\r\n"
		"Subject: in\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
		"The caf\xc3\xa9 of all\r\n",
		MESSAGE_SEVEN_BIT,
		"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n" SEVEN "\r\n"
		"Subject: in\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nThe caf=C3=A9 of all\r\n");
	becomes("MIME-Version: 1.0\r\nContent-Type: message/global\r\n\r\nSubject: \xc3\xa9\r\n",
		MESSAGE_SEVEN_BIT,
		"MIME-Version: 1.0\r\nContent-Type: message/global\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogw6kNCg==\r\n");
}

static void signed_parts_are_never_touched(void **state)
{
	static const char SIGNED[] =
		MULTIPART("signed", "", "--b\r\n" EIGHT "\r\nascii\r\n--b\r\n\r\nsig\r\n--b--\r\n");
	becomes(SIGNED, MESSAGE_SEVEN_BIT, SIGNED);
	cannot(MULTIPART("signed", "", "--b\r\n\r\n\xc3\xa9\r\n--b\r\n\r\nsig\r\n--b--\r\n"),
		MESSAGE_SEVEN_BIT);
	cannot(MULTIPART("signed", "", "--b\r\n\r\na\nb\r\n--b\r\n\r\nsig\r\n--b--\r\n"),
		MESSAGE_EIGHT_BIT);
}

static void what_may_not_be_encoded_is_refused(void **state)
{
	static const char *const MESSAGES[] = {
		"Subject: \xc3\xa9\r\n\r\nascii\r\n",
		"Content-Type: message/partial; id=x; number=1\r\n\r\n\xc3\xa9\r\n",
		"Content-Type: message/external-body\r\n\r\n\xc3\xa9\r\n",
		"Content-Type: message/delivery-status\r\n\r\nA: \xc3\xa9\r\n",
		"Content-Type: message/rfc822\r\n\r\nSubject: \xc3\xa9\r\n\r\nx\r\n",
		"Content-Type: multipart/mixed\r\n\r\n\xc3\xa9\r\n",
		"Content-Type: multipart/mixed; boundary=none\r\n\r\n\xc3\xa9\r\n",
		"Content-Transfer-Encoding: base64\r\n\r\n\xc3\xa9\r\n",
		"Content-Transfer-Encoding: x-uuencode\r\n\r\n\xc3\xa9\r\n",
		MULTIPART("mixed", "", "caf\xc3\xa9\r\n--b\r\n\r\nx\r\n--b--\r\n"),
		MULTIPART("mixed", "", "--b\r\n\r\nx\r\n--b--\r\ncaf\xc3\xa9\r\n"),
		"Content-Type: multipart/mixed; boundary*=utf-8''%C3%A9\r\n\r\n"
		"--\xc3\xa9\r\n\r\nx\r\n--\xc3\xa9--\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++)
		cannot(MESSAGES[i], MESSAGE_SEVEN_BIT);
}

static void binary_parts_become_base64_for_text(void **state)
{
#define BINARY "Content-Transfer-Encoding: binary\r\n"
	becomes(MULTIPART("mixed", BINARY,
			"--b\r\n" BINARY "\r\na\nb\r\n--b\r\n" BINARY "\r\n\xc3\xa9\r\n--b--\r\n"),
		MESSAGE_EIGHT_BIT,
		MULTIPART("mixed", EIGHT,
			"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpi\r\n"
			"--b\r\n" EIGHT "\r\n\xc3\xa9\r\n--b--\r\n"));
}

static void long_lines_of_binary_parts_count(void **state)
{
	struct buf message = BUF(1 << 16), out = BUF(1 << 16);
	for (size_t len = 997; len < 1001; len++) {
		buf_clear(&message);
		buf_clear(&out);
		buf_add_str(&message, "MIME-Version: 1.0\r\n" BINARY "\r\n");
		for (size_t i = 0; i < len; i++)
			buf_add_byte(&message, 'x');
		buf_add_str(&message, "\r\nshort\r\n");
		assert_int_equal(
			message_convert(buf_slice(&message), MESSAGE_EIGHT_BIT, add, &out), 0);
		assert_int_equal(slice_search(buf_slice(&out), SLICE("8bit")) < 0, len > 998);
	}
	buf_free(&message);
	buf_free(&out);
}

/* Lines of the output that begin like a boundary would end the part. */
static void no_line_of_quoted_printable_is_taken_for_a_boundary(void **state)
{
	struct buf message = BUF(1 << 16), out = BUF(1 << 16), body = BUF(1 << 16);
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	buf_add_str(&message, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
			      "boundary=\"b=C3\"\r\n\r\n--b=C3\r\n\r\n");
	size_t start = message.len;
	for (int i = 0; i < 75; i++)
		buf_add_byte(&message, 'x');
	buf_add_str(&message, "--b=C3\r\n--b\xc3\r\n--b\xc3--");
	size_t len = message.len - start;
	buf_add_str(&message, "\r\n--b=C3--\r\n");
	assert_int_equal(message_convert(buf_slice(&message), MESSAGE_SEVEN_BIT, add, &out), 0);
	const struct message_part *root = message_parse(buf_slice(&out), &arena);
	assert_int_equal(root->child_count, 1);
	message_decode_body(root->first_child, buf_slice(&out), &body);
	assert_true(slice_eq(buf_slice(&body), slice(message.data + start, len)));
	buf_free(&message);
	buf_free(&out);
	buf_free(&body);
}

static void long_lines_are_broken_softly(void **state)
{
	struct buf message = BUF(1 << 20), out = BUF(1 << 20);
	buf_add_str(&message, "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n\xc3");
	for (int i = 0; i < 100000; i++)
		buf_add_byte(&message, i % 7 ? 'x' : ' ');
	assert_int_equal(message_convert(buf_slice(&message), MESSAGE_SEVEN_BIT, add, &out), 0);
	struct slice rest = buf_slice(&out);
	while (rest.len > 0)
		assert_true(slice_cut(&rest, '\n').len <= 77); /* with CR */
	buf_free(&message);
	buf_free(&out);
}

static int refuse(void *context, struct slice piece)
{
	return -7;
}

static void a_taker_that_fails_ends_it(void **state)
{
	assert_int_equal(
		message_convert(SLICE("A: b\r\n\r\nc\r\n"), MESSAGE_SEVEN_BIT, refuse, NULL), -7);
}

static void headers_of_all_parts_are_looked_at(void **state)
{
	assert_true(message_headers_are_ascii(SLICE("A: b\r\n\r\n\xc3\xa9\r\n")));
	assert_false(message_headers_are_ascii(SLICE("A: \xc3\xa9\r\n\r\nb\r\n")));
	assert_false(message_headers_are_ascii(
		slice_str(MULTIPART("mixed", "", "--b\r\nA: \xc3\xa9\r\n\r\nx\r\n--b--\r\n"))));
	assert_true(message_headers_are_ascii(
		slice_str(MULTIPART("mixed", "", "--b\r\nA: b\r\n\r\n\xc3\xa9\r\n--b--\r\n"))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_are_told),
		cmocka_unit_test(what_needs_nothing_stays),
		cmocka_unit_test(text_becomes_quoted_printable),
		cmocka_unit_test(other_parts_and_dense_text_become_base64),
		cmocka_unit_test(without_mime_the_charset_is_unknown),
		cmocka_unit_test(each_part_is_converted_by_itself),
		cmocka_unit_test(a_message_inside_is_converted_inside),
		cmocka_unit_test(signed_parts_are_never_touched),
		cmocka_unit_test(what_may_not_be_encoded_is_refused),
		cmocka_unit_test(binary_parts_become_base64_for_text),
		cmocka_unit_test(long_lines_of_binary_parts_count),
		cmocka_unit_test(no_line_of_quoted_printable_is_taken_for_a_boundary),
		cmocka_unit_test(long_lines_are_broken_softly),
		cmocka_unit_test(a_taker_that_fails_ends_it),
		cmocka_unit_test(headers_of_all_parts_are_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
