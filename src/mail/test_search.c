/* Searching against an evaluator that reads everything of every message and knows no stages. */
#include "mail/test_support.h"

#include "mail/search.h"

#include "base/clock.h"
#include "message/charset.h"
#include "message/header.h"
#include "message/text.h"

#include <pthread.h>
#include <stdatomic.h>

static const int64_t today = 12000; /* days since 1970 */

static const char *const words[] = {
	"alpha", "BETA", "gr\xc3\xbc\xc3\x9f", "stra\303\237e", "x", "two words"};

static const char *const subjects[] = {
	"alpha",
	"=?utf-8?q?gr=C3=BC=C3=9Fe?= to all",
	"Re: two\r\n words",
	"",
	"beta \"quoted\\\" text",
};

static const char *const froms[] = {
	"Alpha Person <alpha@example.test>",
	"\"x, y\" <beta@example.test> (two words)",
	"=?iso-8859-1?q?Gr=FC=DFe?= <z@example.test>",
};

static const char *const bodies[] = {
	"Content-Type: text/plain; charset=utf-8\r\n\r\nalpha stra\303\237e\r\n",
	"Content-Type: text/html\r\n\r\n<p>two <b>words</b></p>",
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\nYmV0YQ==\r\n--b\r\nX-Inner: alpha\r\n"
	"Content-Type: application/octet-stream\r\n\r\nx\r\n--b--\r\n",
	"\r\n",
};

static const char *const dates[] = {
	"Date: Mon, 11 Nov 2002 23:30:00 -0500\r\n", /* day 12002 as written */
	"Date: Sat, 09 Nov 2002 00:10:00 +1400\r\n",
	"Date: nonsense\r\n",
	"",
};

static void add_random_message(struct fixture *f, uint64_t *seed)
{
	const char *twice = fixture_random(seed, 6) ? "" : "Subject: second alpha\r\n";
	const char *bytes = arena_printf(&f->arena,
		"%sFrom: %s\r\nSubject: %s\r\nX-Word: %s\r\n%sMessage-ID: <%u@x>\r\n%s",
		dates[fixture_random(seed, ARRAY_LEN(dates))],
		froms[fixture_random(seed, ARRAY_LEN(froms))],
		subjects[fixture_random(seed, ARRAY_LEN(subjects))],
		words[fixture_random(seed, ARRAY_LEN(words))], twice, fixture_random(seed, 30),
		bodies[fixture_random(seed, ARRAY_LEN(bodies))]);
	struct mail_new message = {.bytes = slice_str(bytes),
		.flags = (uint8_t)fixture_random(seed, 32),
		.keywords = fixture_keywords(f, fixture_random(seed, 2) ? "kw Other" : ""),
		.internal_date = {.seconds = (today - 2) * 86400 + fixture_random(seed, 4 * 86400),
			.zone_minutes = (int16_t)((int)fixture_random(seed, 1440) - 720)}};
	struct mail_added added;
	clock_fake(1000, (today * 86400 + fixture_random(seed, 3 * 86400)) * 1000);
	assert_ok(
		mail_append(f->mail, f->account, f->inbox, &no_limits, &message, 1, &added, &err));
}

static struct mail_search *random_program(struct fixture *f, uint64_t *seed, unsigned depth)
{
	struct mail_search *s = ARENA_NEW(&f->arena, struct mail_search);
	static const char *const names[] = {
		"Subject", "FROM", "x-word", "message-id", "Date", "To"};
	s->op = depth ? fixture_random(seed, MAIL_SEARCH_EMAIL_ID + 1)
		      : MAIL_SEARCH_AND + fixture_random(seed, 3);
	s->day = today - 3 + (int64_t)fixture_random(seed, 6);
	s->number = fixture_random(seed, 12);
	if (s->op == MAIL_SEARCH_LARGER || s->op == MAIL_SEARCH_SMALLER)
		s->number = 100 + fixture_random(seed, 300);
	if (s->op == MAIL_SEARCH_FLAG)
		s->number = 1u << fixture_random(seed, 5);
	if (s->op == MAIL_SEARCH_RECENT || s->op == MAIL_SEARCH_MODSEQ)
		s->number = fixture_random(seed, 150);
	if (s->op == MAIL_SEARCH_YOUNGER || s->op == MAIL_SEARCH_OLDER)
		s->number = fixture_random(seed, 6 * 86400);
	s->name = slice_str(names[fixture_random(seed, ARRAY_LEN(names))]);
	s->text = slice_str(words[fixture_random(seed, ARRAY_LEN(words))]);
	if (s->op == MAIL_SEARCH_HEADER && fixture_random(seed, 8) == 0)
		s->text = SLICE("");
	if (s->op == MAIL_SEARCH_KEYWORD)
		s->text = fixture_random(seed, 2) ? SLICE("KW") : SLICE("none");
	uint32_t first = fixture_random(seed, 100) + 1;
	mail_set_add(&s->set, first, first + fixture_random(seed, 60));
	if (s->op < MAIL_SEARCH_AND || s->op > MAIL_SEARCH_NOT)
		return s;
	uint32_t children = s->op == MAIL_SEARCH_NOT ? 1 : fixture_random(seed, 4) + (depth == 0);
	if (depth > 3)
		children = 0;
	if (s->op == MAIL_SEARCH_NOT && !children)
		s->op = MAIL_SEARCH_ALL;
	while (children--) {
		struct mail_search *child = random_program(f, seed, depth + 1);
		child->next = s->children;
		s->children = child;
	}
	return s;
}

static void free_sets(struct mail_search *s)
{
	mail_set_free(&s->set);
	for (struct mail_search *child = s->children; child; child = child->next)
		free_sets(child);
}

/* The naive evaluator. */
struct known {
	uint32_t seq;
	const struct mail_message *message;
	struct slice bytes;
	const struct message_part *root;
};

static bool contains(struct slice text, struct slice needle)
{
	struct buf a = BUF(1 << 22), b = BUF(1 << 16);
	charset_fold(text, &a);
	charset_fold(needle, &b);
	bool found = slice_search(buf_slice(&a), buf_slice(&b)) >= 0;
	buf_free(&a);
	buf_free(&b);
	return found;
}

static bool naive_header(const struct mail_search *s, const struct known *k)
{
	struct slice header = slice_sub(k->bytes, 0, k->root->header_len);
	struct message_field field;
	bool found = false;
	while (message_next_field(&header, &field)) {
		struct buf value = BUF(1 << 20);
		message_decode_value(slice_trim(field.value), &value);
		found |= slice_eq_nocase(field.name, s->name) &&
			 (s->text.len == 0 || contains(buf_slice(&value), s->text));
		buf_free(&value);
	}
	return found;
}

static int64_t naive_day(int64_t seconds)
{
	struct clock_date date = clock_to_date(seconds);
	date.hour = date.minute = date.second = 0;
	return clock_from_date(&date) / 86400;
}

static bool naive_compare(const struct mail_search *s, unsigned nth, int64_t day)
{
	return nth == 0 ? day < s->day : nth == 1 ? day == s->day : day >= s->day;
}

static bool naive_sent(const struct mail_search *s, const struct known *k)
{
	struct arena arena = ARENA_EMPTY;
	struct message_date date;
	struct slice value =
		message_header_value(slice_sub(k->bytes, 0, k->root->header_len), "date", &arena);
	bool yes = value.ptr && message_parse_date(value, &date) &&
		   naive_compare(s, s->op - MAIL_SEARCH_SENT_BEFORE,
			   naive_day(date.seconds + date.zone_minutes * 60));
	arena_free(&arena);
	return yes;
}

static bool naive_text(const struct mail_search *s, const struct known *k)
{
	struct buf text = BUF(1 << 22);
	if (s->op == MAIL_SEARCH_BODY)
		message_body_text(k->root, k->bytes, &text);
	else
		message_whole_text(k->root, k->bytes, &text);
	bool yes = contains(buf_slice(&text), s->text);
	buf_free(&text);
	return yes;
}

static bool naive(const struct mail_search *s, const struct known *k)
{
	const struct mail_message *m = k->message;
	bool yes = s->op != MAIL_SEARCH_OR;
	int64_t local = m->internal_date.seconds + m->internal_date.zone_minutes * 60;
	switch (s->op) {
	case MAIL_SEARCH_ALL:
		return true;
	case MAIL_SEARCH_AND:
	case MAIL_SEARCH_OR:
		for (const struct mail_search *c = s->children; c; c = c->next)
			yes = s->op == MAIL_SEARCH_OR ? yes | naive(c, k) : yes & naive(c, k);
		return yes;
	case MAIL_SEARCH_NOT:
		return !naive(s->children, k);
	case MAIL_SEARCH_SEQ:
		return mail_set_has(&s->set, k->seq);
	case MAIL_SEARCH_UID:
		return mail_set_has(&s->set, m->uid);
	case MAIL_SEARCH_FLAG:
		return (m->flags & s->number) == s->number;
	case MAIL_SEARCH_KEYWORD:
		return mail_keywords_has(&m->keywords, s->text);
	case MAIL_SEARCH_RECENT:
		return m->uid >= s->number;
	case MAIL_SEARCH_BEFORE:
	case MAIL_SEARCH_ON:
	case MAIL_SEARCH_SINCE:
		return naive_compare(s, s->op - MAIL_SEARCH_BEFORE, naive_day(local));
	case MAIL_SEARCH_SENT_BEFORE:
	case MAIL_SEARCH_SENT_ON:
	case MAIL_SEARCH_SENT_SINCE:
		return naive_sent(s, k);
	case MAIL_SEARCH_SAVED_BEFORE:
	case MAIL_SEARCH_SAVED_ON:
	case MAIL_SEARCH_SAVED_SINCE:
		return naive_compare(s, s->op - MAIL_SEARCH_SAVED_BEFORE, naive_day(m->saved));
	case MAIL_SEARCH_LARGER:
		return m->size > s->number;
	case MAIL_SEARCH_SMALLER:
		return m->size < s->number;
	case MAIL_SEARCH_YOUNGER:
		return clock_wall() - m->internal_date.seconds <= (int64_t)s->number;
	case MAIL_SEARCH_OLDER:
		return clock_wall() - m->internal_date.seconds >= (int64_t)s->number;
	case MAIL_SEARCH_MODSEQ:
		return m->modseq >= s->number;
	case MAIL_SEARCH_HEADER:
		return naive_header(s, k);
	case MAIL_SEARCH_BODY:
	case MAIL_SEARCH_TEXT:
		return naive_text(s, k);
	case MAIL_SEARCH_EMAIL_ID:
		return false; /* the random texts are none */
	}
	return false;
}

static void expect_result(
	struct fixture *f, const struct mail_view *view, const struct mail_search *s)
{
	struct mail_search_result result;
	uint32_t at = 0;
	uint64_t highest = 0;
	assert_ok(
		mail_search_run(f->mail, f->account, f->inbox, view, s, NULL, NULL, &result, &err));
	for (uint32_t seq = 1; seq <= mail_view_count(view); seq++) {
		struct arena arena = ARENA_EMPTY;
		struct buf bytes = BUF(1 << 20);
		struct mail_message message;
		assert_ok(mail_message_get(f->mail, f->account, f->inbox,
			mail_view_row(view, seq)->uid, &arena, &message, &err));
		assert_ok(mail_message_read(f->mail, message.blob, 0, UINT64_MAX, &bytes, &err));
		struct known k = {.seq = seq,
			.message = &message,
			.bytes = buf_slice(&bytes),
			.root = message_parse(buf_slice(&bytes), &arena)};
		if (naive(s, &k)) {
			assert_true(at < result.count);
			assert_int_equal(result.seqs[at++], seq);
			highest = MAX(highest, message.modseq);
		}
		buf_free(&bytes);
		arena_free(&arena);
	}
	assert_int_equal(at, result.count);
	assert_int_equal(highest, result.highest_modseq);
	free(result.seqs);
}

static void any_program_finds_what_a_naive_evaluator_finds(void **state)
{
	uint64_t seed = 42;
	struct fixture *f = fixture_open(0);
	for (int i = 0; i < 120; i++)
		add_random_message(f, &seed);
	fixture_expunge(f, f->inbox, "3,50:55,119");
	struct mail_view *view = fixture_view(f, f->inbox);
	for (int i = 0; i < 600; i++) {
		struct mail_search *s = random_program(f, &seed, i % 2);
		expect_result(f, view, s);
		free_sets(s);
	}
	mail_view_unref(view);
	clock_fake(-1, -1);
	fixture_close(f);
}

static const char *found_by(struct fixture *f, struct mail_search *s)
{
	struct mail_search_result result;
	struct mail_set set = {0};
	struct mail_view *view = fixture_view(f, f->inbox);
	assert_ok(
		mail_search_run(f->mail, f->account, f->inbox, view, s, NULL, NULL, &result, &err));
	for (uint32_t i = 0; i < result.count; i++)
		mail_set_add(&set, result.seqs[i], result.seqs[i]);
	const char *text = fixture_text(f, &set);
	mail_set_free(&set);
	free(result.seqs);
	mail_view_unref(view);
	return text;
}

static void texts_match_in_any_case_encoding_and_charset(void **state)
{
	struct fixture *f = fixture_open(0);
	fixture_append(f, f->inbox, "Subject: =?iso-8859-1?q?Stra=DFe?=\r\n\r\n", 0, "");
	fixture_append(f, f->inbox, "Subject: strasse\r\n\r\n", 0, "");
	fixture_append(f, f->inbox,
		"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nSTRA\xdf"
		"E",
		0, "");
	struct mail_search subject = {
		.op = MAIL_SEARCH_HEADER, .name = SLICE("subject"), .text = SLICE("STRASSE")};
	struct mail_search text = {.op = MAIL_SEARCH_TEXT, .text = SLICE("stra\303\237e")};
	struct mail_search body = {.op = MAIL_SEARCH_BODY, .text = SLICE("strasse")};
	assert_string_equal(found_by(f, &subject), "1:2");
	assert_string_equal(found_by(f, &text), "1:3");
	assert_string_equal(found_by(f, &body), "3");
	fixture_close(f);
}

static void an_email_id_finds_all_copies(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_set set = fixture_set("1");
	struct mail_message message;
	struct mail_added added;
	uint32_t *from;
	size_t count;
	char text[ID_TEXT_SIZE + 1];
	fixture_append(f, f->inbox, "A: 1\r\n\r\n", 0, "");
	fixture_append(f, f->inbox, "A: 1\r\n\r\n", 0, "");
	assert_ok(mail_copy(f->mail, f->account, f->inbox, &set, f->inbox, false, &no_limits, &from,
		&count, &added, &err));
	free(from);
	mail_set_free(&set);
	assert_ok(mail_message_get(f->mail, f->account, f->inbox, 1, &f->arena, &message, &err));
	id_to_text(message.blob, text);
	struct mail_search s = {.op = MAIL_SEARCH_EMAIL_ID, .text = slice_str(text)};
	assert_string_equal(found_by(f, &s), "1,3");
	s.text = SLICE("nonsense");
	assert_string_equal(found_by(f, &s), "");
	fixture_close(f);
}

static void what_is_gone_is_not_found(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_search all = {.op = MAIL_SEARCH_ALL};
	struct mail_search body = {.op = MAIL_SEARCH_BODY, .text = SLICE("b")};
	struct mail_search_result result;
	for (int i = 0; i < 5; i++)
		fixture_append(f, f->inbox, "A: 1\r\n\r\nb", 0, "");
	struct mail_view *before = fixture_view(f, f->inbox);
	fixture_expunge(f, f->inbox, "2,4");
	struct mail_view *after = fixture_view(f, f->inbox);
	struct mail_view *merged = mail_view_merge(before, after);
	assert_ok(mail_search_run(
		f->mail, f->account, f->inbox, merged, &all, NULL, NULL, &result, &err));
	assert_int_equal(result.count, 3);
	assert_int_equal(result.seqs[1], 3);
	free(result.seqs);
	/* The old view still has them, the store has not. */
	assert_ok(mail_search_run(
		f->mail, f->account, f->inbox, before, &body, NULL, NULL, &result, &err));
	assert_int_equal(result.count, 3);
	free(result.seqs);
	mail_view_unref(before);
	mail_view_unref(after);
	mail_view_unref(merged);
	fixture_close(f);
}

static bool stop_at_third(void *context, uint32_t done)
{
	return ++*(unsigned *)context < 3;
}

/* Every look at the clock finds it seconds later. */
static void *hurry_clock(void *context)
{
	atomic_bool *done = context;
	for (int64_t ms = 0; !atomic_load(done); ms += 2000)
		clock_fake(ms, 1700000000000);
	return NULL;
}

static void a_long_search_can_be_stopped(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_search body = {.op = MAIL_SEARCH_BODY, .text = SLICE("zzz")};
	struct mail_search_result result;
	struct err err = {0};
	unsigned calls = 0;
	atomic_bool done = false;
	pthread_t clock;
	int r = 0;
	for (int i = 0; i < 100; i++)
		fixture_append(f, f->inbox, "A: 1\r\n\r\nb", 0, "");
	struct mail_view *view = fixture_view(f, f->inbox);
	assert_int_equal(pthread_create(&clock, NULL, hurry_clock, &done), 0);
	while (r == 0)
		r = mail_search_run(f->mail, f->account, f->inbox, view, &body, stop_at_third,
			&calls, &result, &err);
	atomic_store(&done, true);
	(void)pthread_join(clock, NULL);
	clock_fake(-1, -1);
	assert_int_equal(calls, 3);
	assert_int_equal(err.class, ERR_TEMPORARY);
	assert_null(result.seqs);
	mail_view_unref(view);
	fixture_close(f);
}

static void a_program_too_deep_is_refused(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_search nodes[MAIL_SEARCH_DEPTH_MAX + 1] = {0};
	struct mail_search_result result;
	struct mail_view *view = fixture_view(f, f->inbox);
	for (size_t i = 0; i + 1 < ARRAY_LEN(nodes); i++) {
		nodes[i].op = MAIL_SEARCH_NOT;
		nodes[i].children = &nodes[i + 1];
	}
	assert_fails(mail_search_run(f->mail, f->account, f->inbox, view, &nodes[0], NULL, NULL,
			     &result, &err),
		ERR_LIMIT);
	assert_ok(mail_search_run(
		f->mail, f->account, f->inbox, view, &nodes[1], NULL, NULL, &result, &err));
	mail_view_unref(view);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_program_finds_what_a_naive_evaluator_finds),
		cmocka_unit_test(texts_match_in_any_case_encoding_and_charset),
		cmocka_unit_test(an_email_id_finds_all_copies),
		cmocka_unit_test(what_is_gone_is_not_found),
		cmocka_unit_test(a_long_search_can_be_stopped),
		cmocka_unit_test(a_program_too_deep_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
