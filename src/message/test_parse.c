/* The tree of a message: parts, ranges, line counts, recovery. */
#include "base/test.h"
#include "message/imap_form.h"
#include "message/message.h"

/* A tree in one line: (kind-or-type header-bytes/header-lines body-bytes/body-lines children…) */
static void describe(const struct message_part *part, struct buf *to)
{
	buf_printf(to, "(%.*s/%.*s h%zu/%u b%zu/%u", SLICE_ARG(part->type),
		SLICE_ARG(part->subtype), part->header_len, part->header_lines, part->body_len,
		part->body_lines);
	for (const struct message_part *child = part->first_child; child; child = child->next) {
		buf_add_byte(to, ' ');
		describe(child, to);
	}
	buf_add_byte(to, ')');
}

static void assert_tree(const char *message, const char *expected)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf got = BUF(1 << 20);
	describe(message_parse(slice_str(message), &arena), &got);
	assert_string_equal(buf_cstr(&got), expected);
}

#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n\r\n"

static const struct {
	const char *message, *tree;
} TREES[] = {
	{"", "(text/plain h0/0 b0/0)"},
	{"\r\n", "(text/plain h2/1 b0/0)"},
	{"Subject: x", "(text/plain h10/0 b0/0)"},
	{"A: b\r\n\r\none\r\ntwo", "(text/plain h8/2 b8/1)"},
	{"A: b\n\none\ntwo\n", "(text/plain h6/2 b8/2)"},
	{"Content-Type: TEXT/Html; charset=x\r\n\r\n", "(TEXT/Html h38/2 b0/0)"},
	/* garbage types are text/plain */
	{"Content-Type: nonsense\r\n\r\n", "(text/plain h26/2 b0/0)"},
	{"Content-Type:\r\n\r\n", "(text/plain h17/2 b0/0)"},
	{"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", "(a/b h40/3 b0/0)"},
	/* two parts; the line end before a boundary is the boundary's */
	{MIXED("b") "pre\r\n--b\r\n\r\none\r\n--b\r\nX: y\r\n\r\ntwo\r\n\r\n--b--\r\nepi\r\n",
		"(multipart/mixed h45/2 b49/11 (text/plain h2/1 b3/0) (text/plain h8/2 b5/1))"},
	/* bare LF */
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n",
		"(multipart/mixed h43/2 b15/4 (text/plain h1/1 b3/0))"},
	/* quoted boundary with spaces and specials, white space after the delimiter */
	{MIXED("\"=_ b:1?\"") "--=_ b:1? \t\r\n\r\none\r\n--=_ b:1?--  \r\n",
		"(multipart/mixed h53/2 b35/4 (text/plain h2/1 b3/0))"},
	/* a boundary that is the start of another, and the other way round */
	{MIXED("a") "--a\r\n" MIXED(
		 "ab") "--ab\r\n\r\none\r\n--ab--\r\n--a\r\n\r\ntwo\r\n--a--\r\n",
		"(multipart/mixed h45/2 b91/11 (multipart/mixed h46/2 b19/3 (text/plain h2/1 "
		"b3/0)) (text/plain h2/1 b3/0))"},
	{MIXED("ab") "--ab\r\n" MIXED("a") "--a\r\n\r\none\r\n--ab\r\n\r\ntwo\r\n--ab--\r\n",
		"(multipart/mixed h46/2 b84/10 (multipart/mixed h45/2 b10/2 (text/plain h2/1 "
		"b3/0)) (text/plain h2/1 b3/0))"},
	/* text that only looks like a boundary */
	{MIXED("b") "--b\r\n\r\n--bc\r\n--b-\r\n-- b\r\n--\r\n ---b\r\n--b--\r\n",
		"(multipart/mixed h45/2 b43/8 (text/plain h2/1 b27/4))"},
	/* no end boundary: the last part has all the rest */
	{MIXED("b") "--b\r\n\r\none\r\n", "(multipart/mixed h45/2 b12/3 (text/plain h2/1 b5/1))"},
	/* inner multipart without end, closed by the outer boundary */
	{MIXED("b") "--b\r\n" MIXED("c") "--c\r\n\r\none\r\n--b--\r\n",
		"(multipart/mixed h45/2 b69/7 (multipart/mixed h45/2 b10/2 (text/plain h2/1 "
		"b3/0)))"},
	/* a boundary inside a part's header ends the header */
	{MIXED("b") "--b\r\nX: y\r\n--b--\r\n",
		"(multipart/mixed h45/2 b18/3 (text/plain h6/1 b0/0))"},
	/* an empty part, and a part that is an empty line only */
	{MIXED("b") "--b\r\n--b\r\n\r\n--b--",
		"(multipart/mixed h45/2 b17/3 (text/plain h0/0 b0/0) (text/plain h2/1 b0/0))"},
	/* no boundary parameter, or one that never comes: text */
	{"Content-Type: multipart/mixed\r\n\r\nx\r\n", "(text/plain h33/2 b3/1)"},
	{MIXED("b") "x\r\n--c\r\n", "(text/plain h45/2 b8/2)"},
	{MIXED("b") "x\r\n--b--\r\ny", "(text/plain h45/2 b11/2)"},
	/* a message inside */
	{"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\none\r\n",
		"(message/rfc822 h32/2 b20/3 (text/plain h15/2 b5/1))"},
	{"Content-Type: message/global\r\n\r\nSubject: in\r\n\r\none\r\n",
		"(message/global h32/2 b20/3 (text/plain h15/2 b5/1))"},
	/* encoded, it stays closed */
	{"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nYTogYg==\r\n",
		"(message/rfc822 h67/3 b10/1)"},
	/* digests hold messages */
	{"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nS: 1\r\n\r\none\r\n--d\r\n"
	 "Content-Type: text/plain\r\n\r\ntwo\r\n--d--\r\n",
		"(multipart/digest h46/2 b65/10 (message/rfc822 h2/1 b11/2 (text/plain h8/2 b3/0)) "
		"(text/plain h28/2 b3/0))"},
	/* a message inside whose header the outer boundary cuts off */
	{"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nS: 1\r\n--d--\r\n",
		"(multipart/digest h46/2 b20/4 (message/rfc822 h2/1 b6/1 (text/plain h6/1 b0/0)))"},
};

static void messages_become_the_trees_that_the_rules_say(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(TREES); i++)
		assert_tree(TREES[i].message, TREES[i].tree);
}

static void the_parts_of_rfc_3501_have_their_numbers(void **state)
{
	/* The shape of the example in RFC 9051 section 6.4.5.1. */
	static const char MESSAGE[] = MIXED(
		"x") "--x\r\nN: 1\r\n\r\n\r\n--x\r\nN: 2\r\nContent-Type: "
		     "application/octet-stream\r\n"
		     "\r\n\r\n--x\r\nN: 3\r\nContent-Type: message/rfc822\r\n\r\n"
		     "N: 3m\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nN: "
		     "3.1\r\n\r\n"
		     "\r\n--y\r\nN: 3.2\r\nContent-Type: a/b\r\n\r\n\r\n--y--\r\n--x\r\nN: 4\r\n"
		     "Content-Type: message/rfc822\r\n\r\nN: 4.1\r\n\r\nplain\r\n--x--\r\n";
	static const struct {
		uint32_t numbers[4];
		size_t count;
		const char *header; /* what the part's header begins with; NULL: no such part */
	} CASES[] = {
		{{0}, 0, "Content-Type: multipart"},
		{{1}, 1, "N: 1"},
		{{2}, 1, "N: 2"},
		{{3}, 1, "N: 3"},
		{{3, 1}, 2, "N: 3.1"},
		{{3, 2}, 2, "N: 3.2"},
		{{4}, 1, "N: 4"},
		{{4, 1}, 2, "N: 4.1"},
		{{0}, 1, NULL},
		{{5}, 1, NULL},
		{{1, 1}, 2, NULL},
		{{3, 3}, 2, NULL},
		{{4, 2}, 2, NULL},
		{{4, 1, 1}, 3, NULL},
		{{UINT32_MAX}, 1, NULL},
	};
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct message_part *root = message_parse(SLICE(MESSAGE), &arena);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		const struct message_part *part =
			message_part_by_number(root, CASES[i].numbers, CASES[i].count);
		if (!CASES[i].header) {
			assert_null(part);
			continue;
		}
		assert_non_null(part);
		struct slice header = slice(MESSAGE + part->header_start, part->header_len);
		assert_true(slice_starts(header, slice_str(CASES[i].header)));
	}
}

static void a_message_of_one_part_has_a_part_1_and_no_other(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct message_part *root = message_parse(SLICE("A: b\r\n\r\nx"), &arena);
	assert_ptr_equal(message_part_by_number(root, (uint32_t[]){1}, 1), root);
	assert_null(message_part_by_number(root, (uint32_t[]){2}, 1));
	assert_null(message_part_by_number(root, (uint32_t[]){1, 1}, 2));
}

static void content_fields_are_found_wherever_they_fold(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	struct message_part *root = message_parse(
		SLICE("content-type: (c) application (c) / (c) pdf\r\n ; NAME =\r\n"
		      " \"a \\\"b\\\"\r\n c.pdf\" (x) junk; x=y z\r\n"
		      "Content-Transfer-Encoding: (c) BASE64 (d)\r\n"
		      "Content-ID:\r\n <a@b>\r\nContent-Description: one\r\n two\r\n"
		      "Content-MD5: q==\r\nContent-Language: de, en\r\n"
		      "Content-Location: http://x/\r\n"
		      "Content-Disposition: attachment; filename=my file.pdf; size=3\r\n"
		      "\r\n"),
		&arena);
	assert_slice(root->type, "application");
	assert_slice(root->subtype, "pdf");
	assert_slice(message_parameter(root->parameters, "name"), "a \"b\" c.pdf");
	assert_slice(message_parameter(root->parameters, "X"), "y");
	assert_null(message_parameter(root->parameters, "z").ptr);
	assert_slice(root->encoding, "BASE64");
	assert_slice(root->id, "<a@b>");
	assert_slice(root->description, "one two");
	assert_slice(root->md5, "q==");
	assert_slice(root->language, "de, en");
	assert_slice(root->location, "http://x/");
	assert_slice(root->disposition, "attachment");
	assert_slice(message_parameter(root->disposition_parameters, "filename"), "my file.pdf");
	assert_slice(message_parameter(root->disposition_parameters, "size"), "3");
}

static const struct {
	const char *parameters, *name, *value;
} PARAMETERS[] = {
	{"; a=b", "a", "b"},
	{"; a=b; a=c", "a", "b"},
	{" a=b", "a", "b"}, /* the semicolon is missing */
	{";; a = b ;", "a", "b"},
	{"; a=", "a", ""},
	{"; a=\"\"", "a", ""},
	{"; a=\"unterminated; b=c", "b", "c"},
	{"; charset=utf-8 format=flowed", "format", "flowed"},
	{"; charset=utf-8 format=flowed", "charset", "utf-8"},
	{"; boundary=a=b=c", "boundary", "a=b=c"},
	/* RFC 2231 */
	{"; f*0=one; f*1=two", "f", "onetwo"},
	{"; f*1=two; f*0=one; f*3=lost", "f", "onetwo"},
	{"; f*=utf-8''%e2%82%ac", "f", "\xe2\x82\xac"},
	{"; f*=iso-8859-1'en'caf%E9", "f", "caf\xc3\xa9"},
	{"; f*0*=utf-8''%e2%82; f*1*=%ac; f*2=\" %41\"", "f", "\xe2\x82\xac %41"},
	{"; f=plain; f*=utf-8''b%20c", "f", "b c"},
	{"; f*=\"utf-8''quoted%21\"", "f", "quoted!"},
	{"; f*=no-such-charset''a%zz", "f", "a%zz"},
	{"; f*=unquoted", "f", "unquoted"},
	{"; f*x=y", "f*x", "y"},
	{"; *=y", "*", "y"},
	{"; title*0*=us-ascii'en'This%20is; title*1*=%20fun; title*2=\" too\"", "title",
		"This is fun too"},
};

static void parameters_are_read_as_rfc_2231_and_practice_say(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(PARAMETERS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf message = BUF(1000);
		buf_printf(
			&message, "Content-Type: text/plain%s\r\n\r\n", PARAMETERS[i].parameters);
		struct message_part *root = message_parse(buf_slice(&message), &arena);
		assert_slice(message_parameter(root->parameters, PARAMETERS[i].name),
			PARAMETERS[i].value);
	}
}

static const struct {
	const char *encoding, *body, *decoded;
} BODIES[] = {
	{"7bit", "a=41\r\n", "a=41\r\n"},
	{"x-unknown", "abc", "abc"},
	{"base64", "aGVs\r\nbG8=\r\n", "hello"},
	{"Base64", "aG Vs!bG8", "hello"},
	{"quoted-printable", "h=C3=a9 =\r\nb  \r\nc=", "h\xc3\xa9 b\r\nc"},
	{"quoted-printable", "=\nx=4 =zz==41\n", "x=4 =zz=A\n"},
	{"quoted-printable", "soft = \t\r\nend", "soft end"},
	{"x-uuencode", "junk\r\nbegin 644 a.txt\r\n%:&5L;&\\\r\n`\r\nend\r\nmore", "hello"},
};

static void transfer_encodings_are_undone_and_garbage_stays(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf message = BUF(1000), decoded = BUF(1000);
		buf_printf(&message, "Content-Transfer-Encoding: %s\r\n\r\n%s", BODIES[i].encoding,
			BODIES[i].body);
		struct message_part *root = message_parse(buf_slice(&message), &arena);
		message_decode_body(root, buf_slice(&message), &decoded);
		assert_slice(buf_slice(&decoded), BODIES[i].decoded);
	}
}

/* How deep the tree is, and how many parts it has. */
static unsigned measure(const struct message_part *part, unsigned *parts)
{
	unsigned deepest = 0;
	(*parts)++;
	for (const struct message_part *child = part->first_child; child; child = child->next) {
		unsigned depth = measure(child, parts);
		deepest = MAX(deepest, depth);
	}
	return deepest + 1;
}

static void ten_thousand_levels_end_in_a_leaf_at_the_bound(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf message = BUF(16u << 20);
	unsigned parts = 0;
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&message, "Content-Type: multipart/mixed; boundary=%u\r\n\r\n--%u\r\n",
			i, i);
	struct message_part *root = message_parse(buf_slice(&message), &arena);
	assert_int_equal(measure(root, &parts), MESSAGE_DEPTH_MAX);
	assert_int_equal(parts, MESSAGE_DEPTH_MAX);
	buf_clear(&message);
	for (unsigned i = 0; i < 10000; i++)
		buf_add_str(&message, "Content-Type: message/rfc822\r\n\r\n");
	root = message_parse(buf_slice(&message), &arena);
	parts = 0;
	assert_int_equal(measure(root, &parts), MESSAGE_DEPTH_MAX);
}

static void a_hundred_thousand_parts_end_in_a_leaf_with_the_rest(void **state)
{
	static const char *const PARTS[] = {"--b\r\n\r\nx\r\n", "--b\r\n"};
	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf message = BUF(16u << 20);
		buf_add_str(&message, MIXED("b"));
		for (unsigned k = 0; k < 100000; k++)
			buf_add_str(&message, PARTS[i]);
		struct message_part *root = message_parse(buf_slice(&message), &arena);
		unsigned parts = 0;
		(void)measure(root, &parts);
		assert_int_equal(parts, MESSAGE_PARTS_MAX);
		const struct message_part *last =
			message_part_by_number(root, (uint32_t[]){MESSAGE_PARTS_MAX - 1}, 1);
		assert_int_equal(last->body_start + last->body_len, message.len);
	}
}

static void a_hundred_thousand_header_lines_are_read(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf message = BUF(64u << 20), out = BUF(64u << 20);
	for (unsigned k = 0; k < 100000; k++)
		buf_add_str(&message, "To: a@b\r\n");
	buf_add_str(&message, "\r\n");
	struct message_part *root = message_parse(buf_slice(&message), &arena);
	assert_int_equal(root->header_lines, 100001);
	(void)message_write_envelope(buf_slice(&message), &out);
	assert_false(out.failed);
	assert_true(out.len < 400000); /* bounded by MESSAGE_ADDRESSES_MAX */
}

/* Each prefix of a message is a message; whatever it holds lies inside of it. */
static void check_ranges(const struct message_part *part, size_t from, size_t to)
{
	assert_true(part->header_start >= from && part->body_start <= to);
	assert_true(part->body_len <= to - part->body_start);
	for (const struct message_part *child = part->first_child; child; child = child->next)
		check_ranges(child, part->body_start, part->body_start + part->body_len);
}

static void a_message_cut_anywhere_is_still_read(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(TREES); i++)
		for (size_t len = 0; len <= strlen(TREES[i].message); len++) {
			AUTO(arena_free) struct arena arena = ARENA_EMPTY;
			AUTO(buf_free) struct buf copy = BUF(len + 1), form = BUF(10000);
			buf_add(&copy, TREES[i].message, len);
			struct message_part *root = message_parse(buf_slice(&copy), &arena);
			check_ranges(root, 0, len);
			message_write_structure(root, buf_slice(&copy), true, &form);
			assert_false(form.failed);
		}
}

static void lines_are_counted_at_every_distance_from_a_vector(void **state)
{
	/* A boundary and line ends at each offset around the scanner's rounds of 64 bytes. */
	for (size_t pad = 0; pad < 300; pad++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf message = BUF(10000);
		buf_add_str(&message, MIXED("b") "--b\r\n\r\n");
		for (size_t i = 0; i < pad; i++)
			buf_add_byte(&message, i % 7 == 6 ? '\n' : '-');
		buf_add_str(&message, "\r\n--b\r\n\r\ntwo\r\n--b--\r\n");
		struct message_part *root = message_parse(buf_slice(&message), &arena);
		assert_int_equal(root->child_count, 2);
		assert_int_equal(root->first_child->body_len, pad);
		assert_int_equal(root->first_child->body_lines, pad / 7);
		assert_int_equal(root->body_lines, 7 + pad / 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_become_the_trees_that_the_rules_say),
		cmocka_unit_test(the_parts_of_rfc_3501_have_their_numbers),
		cmocka_unit_test(a_message_of_one_part_has_a_part_1_and_no_other),
		cmocka_unit_test(content_fields_are_found_wherever_they_fold),
		cmocka_unit_test(parameters_are_read_as_rfc_2231_and_practice_say),
		cmocka_unit_test(transfer_encodings_are_undone_and_garbage_stays),
		cmocka_unit_test(ten_thousand_levels_end_in_a_leaf_at_the_bound),
		cmocka_unit_test(a_hundred_thousand_parts_end_in_a_leaf_with_the_rest),
		cmocka_unit_test(a_hundred_thousand_header_lines_are_read),
		cmocka_unit_test(a_message_cut_anywhere_is_still_read),
		cmocka_unit_test(lines_are_counted_at_every_distance_from_a_vector),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
