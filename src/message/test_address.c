/* Address lists: RFC 5322 with its obsolete forms, and what mail makes of them. */
#include "base/test.h"
#include "message/address.h"
#include "message/imap_form.h"

/* "name|route|mailbox|host" for an address, "{group" and "}" for a group's ends. */
static void describe(const struct message_address *list, struct buf *to)
{
	for (const struct message_address *a = list; a; a = a->next) {
		if (a != list)
			buf_add_str(to, " ; ");
		if (!a->mailbox.ptr)
			buf_add_byte(to, '}');
		else if (!a->host.ptr)
			buf_printf(to, "{%.*s", SLICE_ARG(a->mailbox));
		else
			buf_printf(to, "%.*s|%.*s|%.*s|%.*s", SLICE_ARG(a->name),
				SLICE_ARG(a->route), SLICE_ARG(a->mailbox), SLICE_ARG(a->host));
	}
}

static const struct {
	const char *value, *expected;
} LISTS[] = {
	{"", ""},
	{"  ,, ; ", ""},
	{"(nobody)", ""},
	{"jdoe@machine.example", "||jdoe|machine.example"},
	{"John Doe <jdoe@machine.example>", "John Doe||jdoe|machine.example"},
	{"\"Joe Q. Public\" <john.q.public@example.com>",
		"Joe Q. Public||john.q.public|example.com"},
	{"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
		"Mary Smith||mary|x.test ; ||jdoe|example.org ; Who?||one|y.test"},
	{"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
		"||boss|nil.test ; Giant; \"Big\" Box||sysservices|example.net"},
	/* groups */
	{"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
		"{A Group ; Ed Jones||c|a.test ; ||joe|where.test ; John||jdoe|one.test ; }"},
	{"Undisclosed recipients:;", "{Undisclosed recipients ; }"},
	{"undisclosed-recipients:", "{undisclosed-recipients ; }"},
	{"A:a@b;, c@d, B:;", "{A ; ||a|b ; } ; ||c|d ; {B ; }"},
	{"A: B: c@d;", "{A ; B||c|d ; }"}, /* no group in a group */
	{"a@b; c@d", "||a|b ; ||c|d"},     /* as some programs separate */
	/* comments */
	{"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete||pete|silly.test"},
	{"jdoe@example.org (Joe \\(J\\) Doe)", "Joe (J) Doe||jdoe|example.org"},
	{"(before) jdoe@example.org", "before||jdoe|example.org"},
	/* obsolete */
	{"Joe Q. Public <john . q . public @ example . com>",
		"Joe Q. Public||john.q.public|example.com"},
	{"Mary Smith <@node.test, @two.test:mary@example.net>",
		"Mary Smith|@node.test,@two.test|mary|example.net"},
	{"jdoe@test . example", "||jdoe|test.example"},
	{"\"joe blow\"@x.test", "||joe blow|x.test"},
	{"\"a\".\"b c\"@x.test", "||a.b c|x.test"},
	{"a@[IPv6:2001:db8::1], b@[ 127.0.0.1 ]", "||a|[IPv6:2001:db8::1] ; ||b|[127.0.0.1]"},
	/* folds */
	{"a@b,\r\n\tJoe\r\n Doe <c@d>", "||a|b ; Joe Doe||c|d"},
	{"\"Joe\r\n Doe\" <c@d>", "Joe Doe||c|d"},
	/* encoded words stay, even with specials in them */
	{"=?utf-8?q?J=C3=B6rg?= Doe <a@b>", "=?utf-8?q?J=C3=B6rg?= Doe||a|b"},
	{"=?utf-8?q?Doe,_J@x?= <a@b>, c@d", "=?utf-8?q?Doe,_J@x?=||a|b ; ||c|d"},
	{"=?utf-8?q?open <a@b>, =?utf-8?q?x?= <c@d>", "=?utf-8?q?open||a|b ; =?utf-8?q?x?=||c|d"},
	/* UTF-8 (RFC 6532) */
	{"J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc"
	 "cher.test>",
		"J\xc3\xb6rg||j\xc3\xb6rg|b\xc3\xbc"
		"cher.test"},
	/* slips of all kinds */
	{"root", "||root|"},
	{"Joe Doe", "||Joe Doe|"},
	{"Joe Doe joe@x.test", "Joe Doe||joe|x.test"},
	{"joe@x.test <joe@y.test>", "joe@x.test||joe|y.test"},
	{"Joe <joe@x.test", "Joe||joe|x.test"},
	{"Joe <joe@x.test, b@c", "Joe||joe|x.test ; ||b|c"},
	{"Joe <joe@x.test>>, b@c", "Joe||joe|x.test ; ||b|c"},
	{"Joe <>", "Joe|||"},
	{"<>", ""},
	{"<joe>", "||joe|"},
	{"a@b@c", "||a@b|c"},
	{"\"open <a@b>, c@d", "open||a|b ; ||c|d"},
	{"(open <a@b>, c@d", "(open||a|b ; ||c|d"},
	{"@x.test", "|||x.test"},
	{"a@", "||a|"},
	{"a@b junk (x)", "x||a|b"},
	{"<mailto:a@b>", "||mailto:a|b"},
	{"\"\" <a@b>", "||a|b"},
};

static void address_lists_are_read_as_the_grammar_and_practice_say(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf got = BUF(1000);
		describe(message_parse_addresses(slice_str(LISTS[i].value), &arena), &got);
		assert_slice(buf_slice(&got), LISTS[i].expected);
	}
}

static void stored_addresses_read_back_as_they_were(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf header = BUF(1000), envelope = BUF(4000), got = BUF(1000);
		struct slice field;
		buf_printf(&header, "To: %s\r\n\r\n", LISTS[i].value);
		(void)message_write_envelope(buf_slice(&header), &envelope);
		assert_true(
			message_envelope_field(buf_slice(&envelope), MESSAGE_ENVELOPE_TO, &field));
		describe(message_read_addresses(field, &arena), &got);
		assert_slice(buf_slice(&got), LISTS[i].expected);
	}
}

static void a_list_cut_anywhere_is_still_read(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(LISTS); i++)
		for (size_t len = 0; len < strlen(LISTS[i].value); len++) {
			AUTO(arena_free) struct arena arena = ARENA_EMPTY;
			AUTO(buf_free) struct buf copy = BUF(len + 1), got = BUF(1000);
			buf_add(&copy, LISTS[i].value, len);
			describe(message_parse_addresses(buf_slice(&copy), &arena), &got);
			assert_false(got.failed);
		}
}

/* Inputs that make a careless parser quadratic: each must be done in the test's time. */
static void endless_opens_are_read_in_linear_time(void **state)
{
	static const char *const UNITS[] = {"(", "\"", "<", "=?x?q?a", "@", ":", "[", "\\", "a@"};
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		AUTO(buf_free) struct buf value = BUF(8u << 20);
		while (value.len < 1 << 20)
			buf_add_str(&value, UNITS[i]);
		const struct message_address *a =
			message_parse_addresses(buf_slice(&value), &arena);
		size_t count = 0;
		for (; a; a = a->next)
			count++;
		assert_true(count <= MESSAGE_ADDRESSES_MAX);
	}
}

static void the_list_ends_at_its_bound_with_groups_closed(void **state)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf value = BUF(8u << 20);
	buf_add_str(&value, "G:");
	for (int i = 0; i < 2 * MESSAGE_ADDRESSES_MAX; i++)
		buf_add_str(&value, "a@b,");
	const struct message_address *a = message_parse_addresses(buf_slice(&value), &arena);
	size_t count = 1;
	for (; a->next; a = a->next)
		count++;
	assert_true(count <= MESSAGE_ADDRESSES_MAX && count > MESSAGE_ADDRESSES_MAX - 3);
	assert_null(a->mailbox.ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_lists_are_read_as_the_grammar_and_practice_say),
		cmocka_unit_test(stored_addresses_read_back_as_they_were),
		cmocka_unit_test(a_list_cut_anywhere_is_still_read),
		cmocka_unit_test(endless_opens_are_read_in_linear_time),
		cmocka_unit_test(the_list_ends_at_its_bound_with_groups_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
