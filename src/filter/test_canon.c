/* The examples of RFC 6376 sections 3.4.5 and 3.4.6, and what lies at their edges; cut anywhere. */
#include "base/test.h"
#include "filter/canon.h"

#include "base/base64.h"
#include "base/clock.h"
#include "filter/digest.h"

static void add(void *context, struct slice piece)
{
	assert_true(piece.len > 0);
	buf_add_slice(context, piece);
}

static void check_body_step(
	enum filter_canon form, struct slice body, size_t step, const char *expected)
{
	AUTO(buf_free) struct buf out = BUF(1 << 20);
	struct filter_canon_body b = FILTER_CANON_BODY(
		form, FILTER_CANON_ALL, ((struct filter_canon_sink){.take = add, .context = &out}));
	for (size_t at = 0; at < body.len; at += step)
		filter_canon_body_add(&b, slice_sub(body, at, step));
	filter_canon_body_end(&b);
	assert_slice(buf_slice(&out), expected);
	assert_int_equal(b.len, out.len);
}

static void check_body(enum filter_canon form, const char *body, const char *expected)
{
	for (size_t step = 1; step <= strlen(body) + 1; step++)
		check_body_step(form, slice_str(body), step, expected);
}
#define SIMPLE(body, expected)  check_body(FILTER_CANON_SIMPLE, body, expected)
#define RELAXED(body, expected) check_body(FILTER_CANON_RELAXED, body, expected)

static void check_fields(enum filter_canon form, const char *header, const char *expected)
{
	AUTO(buf_free) struct buf out = BUF(1 << 20);
	struct filter_canon_sink sink = {.take = add, .context = &out};
	struct slice rest = slice_str(header);
	struct message_field field;
	while (message_next_field(&rest, &field))
		filter_canon_field(form, &field, &sink);
	assert_slice(buf_slice(&out), expected);
}

#define EXAMPLE_HEADER "A: X\r\nB : Y\t\r\n\tZ  \r\n"
#define EXAMPLE_BODY   " C \r\nD \t E\r\n\r\n\r\n"

static void the_examples_of_rfc_6376(void **state)
{
	check_fields(FILTER_CANON_RELAXED, EXAMPLE_HEADER, "a:X\r\nb:Y Z\r\n");
	RELAXED(EXAMPLE_BODY, " C\r\nD E\r\n");
	check_fields(FILTER_CANON_SIMPLE, EXAMPLE_HEADER, EXAMPLE_HEADER);
	SIMPLE(EXAMPLE_BODY, " C \r\nD \t E\r\n");
}

static void empty_lines_at_the_end_are_gone(void **state)
{
	SIMPLE("a\r\n\r\nb\r\n\r\n\r\n\r\n", "a\r\n\r\nb\r\n");
	RELAXED("a\r\n\r\nb\r\n \r\n\r\n\t\t\r\n", "a\r\n\r\nb\r\n");
	SIMPLE("a\r\n \r\n", "a\r\n \r\n");
	SIMPLE("\r\n\r\na\r\n", "\r\n\r\na\r\n");
	RELAXED("\r\n \r\na\r\n", "\r\n\r\na\r\n");
}

static void a_last_line_without_end_gets_one(void **state)
{
	SIMPLE("a", "a\r\n");
	RELAXED("a", "a\r\n");
	SIMPLE("a  ", "a  \r\n");
	RELAXED("a  ", "a\r\n");
}

static void an_empty_body_is_a_line_end_or_nothing(void **state)
{
	SIMPLE("", "\r\n");
	RELAXED("", "");
	SIMPLE("\r\n\r\n", "\r\n");
	RELAXED("\r\n \r\n", "");
	RELAXED("  ", "");
}

static void white_space_is_one_space_within_a_line_and_none_at_its_end(void **state)
{
	RELAXED("a  b\tc\t \td e \t\r\n\t f\r\n", "a b c d e\r\n f\r\n");
}

static void a_bare_lf_is_a_line_end_and_a_bare_cr_is_not(void **state)
{
	SIMPLE("a\nb\n\n", "a\r\nb\r\n");
	RELAXED("a \nb\n\n", "a\r\nb\r\n");
	SIMPLE("a\rb\r\r\nc\r", "a\rb\r\r\nc\r\r\n");
	RELAXED("a \rb\r \r\nc\r", "a \rb\r\r\nc\r\r\n");
	SIMPLE("\r", "\r\r\n");
	SIMPLE("a\r\n\n\r\r\n", "a\r\n\r\n\r\r\n");
}

static void long_text_is_what_it_was(void **state)
{
	AUTO(buf_free) struct buf body = BUF(1 << 20);
	for (int i = 0; i < 2000; i++)
		buf_printf(&body, "%d: a line that is already as it shall be \x01\x02 \xc3\xa9\r\n",
			i);
	const char *text = buf_cstr(&body);
	for (size_t step = 1; step < 100000; step = step * 3 + 1) {
		check_body_step(FILTER_CANON_SIMPLE, buf_slice(&body), step, text);
		check_body_step(FILTER_CANON_RELAXED, buf_slice(&body), step, text);
	}
}

static void a_limit_cuts_the_canonical_body(void **state)
{
	AUTO(buf_free) struct buf out = BUF(1000);
	struct filter_canon_body b = FILTER_CANON_BODY(FILTER_CANON_RELAXED, 5,
		((struct filter_canon_sink){.take = add, .context = &out}));
	filter_canon_body_add(&b, SLICE("a  b\r\n"));
	filter_canon_body_add(&b, SLICE("\r\nc\r\n\r\n"));
	filter_canon_body_end(&b);
	assert_slice(buf_slice(&out), "a b\r\n");
	assert_int_equal(b.len, strlen("a b\r\n\r\nc\r\n"));
	b = FILTER_CANON_BODY(FILTER_CANON_SIMPLE, 0, b.sink);
	buf_clear(&out);
	filter_canon_body_end(&b);
	assert_int_equal(out.len, 0);
	assert_int_equal(b.len, 2);
}

static void fields_lose_folds_and_spaces(void **state)
{
	check_fields(
		FILTER_CANON_RELAXED, "SUBJect \t: \r\n\t a \r\n  b  c \r\n", "subject:a b c\r\n");
	check_fields(FILTER_CANON_RELAXED, "A:\r\nB: \r\n", "a:\r\nb:\r\n");
	check_fields(FILTER_CANON_RELAXED, "A: 1\n 2\nB:3", "a:1 2\r\nb:3\r\n");
	check_fields(FILTER_CANON_RELAXED, "A: 1\r2\r\n", "a:1\r2\r\n");
	check_fields(FILTER_CANON_SIMPLE, "A: 1\n 2\nB:3", "A: 1\r\n 2\r\nB:3\r\n");
	check_fields(FILTER_CANON_SIMPLE, "A :  1\r\n\t2 \r\n", "A :  1\r\n\t2 \r\n");
}

static void check_hole(enum filter_canon form, const char *expected)
{
	AUTO(buf_free) struct buf out = BUF(1000);
	struct filter_canon_sink sink = {.take = add, .context = &out};
	struct slice rest = SLICE("Sig:  a=1; b= \r\n\tAB CD\r\n ;\r\n c=2\r\n");
	struct message_field field;
	assert_true(message_next_field(&rest, &field));
	struct slice hole = slice_sub(field.value, 9, 12);
	assert_slice(hole, " \r\n\tAB CD\r\n ");
	filter_canon_signature(form, &field, hole, &sink);
	assert_slice(buf_slice(&out), expected);
}

static void a_signature_is_left_out_of_its_own_field(void **state)
{
	check_hole(FILTER_CANON_RELAXED, "sig:a=1; b=; c=2");
	check_hole(FILTER_CANON_SIMPLE, "Sig:  a=1; b=;\r\n c=2");
}

static void check_hash(enum filter_canon form, struct slice body, const char *expected)
{
	AUTO(buf_free) struct buf text = BUF(100);
	unsigned char hash[FILTER_DIGEST_LEN];
	struct filter_digest digest = filter_digest_new();
	struct filter_canon_body b =
		FILTER_CANON_BODY(form, FILTER_CANON_ALL, filter_digest_sink(&digest));
	filter_canon_body_add(&b, body);
	filter_canon_body_end(&b);
	filter_digest_end(&digest, hash);
	base64_encode(&text, slice(hash, sizeof(hash)));
	assert_slice(buf_slice(&text), expected);
}

/* RFC 6376 sections 3.4.3 and 3.4.4. */
static void the_hashes_of_an_empty_body(void **state)
{
	check_hash(FILTER_CANON_SIMPLE, SLICE_NONE, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
	check_hash(
		FILTER_CANON_RELAXED, SLICE_NONE, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

static int64_t time_of(enum filter_canon form, const char *unit, size_t bytes)
{
	AUTO(buf_free) struct buf body = BUF(64 << 20);
	while (body.len < bytes)
		buf_add_str(&body, unit);
	struct filter_digest digest = filter_digest_new();
	struct filter_canon_body b =
		FILTER_CANON_BODY(form, FILTER_CANON_ALL, filter_digest_sink(&digest));
	int64_t begun = clock_mono_ns();
	filter_canon_body_add(&b, buf_slice(&body));
	filter_canon_body_end(&b);
	int64_t took = clock_mono_ns() - begun;
	filter_digest_free(&digest);
	return took;
}

/* A MiB takes 10 ms; were it quadratic, many seconds. */
static void cost_is_linear(void **state)
{
	static const char *const UNITS[] = {"\r\n", "\n", "\r", "a\r", "a\n", " ", "a ", "a",
		"a \t\r\n", "\r\n\r\n\r\n\r\n\r\na",
		"some words as people write them, and a line end\r\n"};
	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
		for (int form = FILTER_CANON_SIMPLE; form <= FILTER_CANON_RELAXED; form++)
			if (time_of((enum filter_canon)form, UNITS[i], 1 << 20) > 2000000000)
				fail_msg("a MiB of \"%s\" took more than two seconds", UNITS[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_rfc_6376),
		cmocka_unit_test(empty_lines_at_the_end_are_gone),
		cmocka_unit_test(a_last_line_without_end_gets_one),
		cmocka_unit_test(an_empty_body_is_a_line_end_or_nothing),
		cmocka_unit_test(white_space_is_one_space_within_a_line_and_none_at_its_end),
		cmocka_unit_test(a_bare_lf_is_a_line_end_and_a_bare_cr_is_not),
		cmocka_unit_test(long_text_is_what_it_was),
		cmocka_unit_test(a_limit_cuts_the_canonical_body),
		cmocka_unit_test(fields_lose_folds_and_spaces),
		cmocka_unit_test(a_signature_is_left_out_of_its_own_field),
		cmocka_unit_test(the_hashes_of_an_empty_body),
		cmocka_unit_test(cost_is_linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
