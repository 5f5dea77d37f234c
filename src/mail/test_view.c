/* Views against a model that keeps every row in a plain array, under random changes. */
#include "mail/test_support.h"

#include "mail/changes.h"
#include "mail/view_internal.h"

static const char body[] = "Subject: x\r\n\r\nb";
static const char *const keyword_choices[] = {"", "a", "b", "a b", "A", "c"};

enum { MODEL_MAX = 20000 };

struct model_row {
	uint32_t uid;
	uint8_t flags;
	const char *keywords;
	uint64_t modseq;
	bool gone; /* expunged */
};

struct model {
	struct model_row rows[MODEL_MAX];
	uint32_t count;
};

static bool has_keywords(const struct mail_view *view, const struct mail_row *row, const char *text)
{
	struct slice rest = slice_str(text);
	uint32_t count = 0;
	const struct mail_keywords *keywords = mail_view_keywords(view, row->keywords);
	for (; rest.len > 0; count++)
		if (!mail_keywords_has(keywords, slice_cut(&rest, ' ')))
			return false;
	return keywords->count == count;
}

/* The view is the model's living rows, and its look-ups agree with going through them. */
static void expect_view(struct fixture *f, struct mail_view *view, const struct model *model)
{
	uint32_t seq = 0, last_uid = 0, first_unseen = 0;
	for (uint32_t i = 0; i < model->count; i++) {
		const struct model_row *expected = &model->rows[i];
		uint32_t next = seq + 1;
		assert_int_equal(mail_view_seq_from(view, expected->uid), next);
		if (expected->gone) {
			assert_int_equal(mail_view_seq(view, expected->uid), 0);
			continue;
		}
		assert_true(++seq <= mail_view_count(view));
		const struct mail_row *row = mail_view_row(view, seq);
		assert_int_equal(row->uid, expected->uid);
		assert_int_equal(row->flags, expected->flags);
		assert_int_equal(row->modseq, expected->modseq);
		assert_false(row->gone);
		assert_true(has_keywords(view, row, expected->keywords));
		assert_true(row->modseq <= mail_view_change(view));
		assert_int_equal(mail_view_seq(view, row->uid), seq);
		if (!first_unseen && !(row->flags & MAIL_SEEN))
			first_unseen = seq;
		last_uid = row->uid;
	}
	assert_int_equal(mail_view_count(view), seq);
	assert_int_equal(mail_view_first_unseen(view), first_unseen);
	assert_true(mail_view_uid_next(view) > last_uid);
	assert_int_equal(mail_view_seq_from(view, UINT32_MAX), seq + 1);
}

struct diff {
	uint32_t gone[MODEL_MAX], changed[MODEL_MAX];
	uint32_t gone_count, changed_count;
	bool mixed; /* a gone one came after a changed one */
};

static void on_gone(void *context, uint32_t seq, const struct mail_row *row)
{
	struct diff *diff = context;
	diff->mixed |= diff->changed_count > 0;
	diff->gone[diff->gone_count++] = seq;
	assert_true(row->uid > 0);
}

static void on_changed(void *context, uint32_t seq, const struct mail_row *row)
{
	struct diff *diff = context;
	diff->changed[diff->changed_count++] = seq;
	assert_true(row->uid > 0);
}

/* mail_view_diff against a search for every row. */
static void expect_diff(const struct mail_view *from, const struct mail_view *to)
{
	static struct diff diff;
	uint32_t gone = 0, changed = 0;
	diff.gone_count = diff.changed_count = 0;
	diff.mixed = false;
	mail_view_diff(from, to, on_gone, on_changed, &diff);
	assert_false(diff.mixed);
	for (uint32_t seq = mail_view_count(from); seq >= 1; seq--)
		if (!mail_view_seq(to, mail_view_row(from, seq)->uid))
			assert_int_equal(diff.gone[gone++], seq);
	for (uint32_t seq = 1; seq <= mail_view_count(to); seq++) {
		const struct mail_row *row = mail_view_row(to, seq);
		uint32_t before = mail_view_seq(from, row->uid);
		if (before && mail_view_row(from, before)->modseq != row->modseq)
			assert_int_equal(diff.changed[changed++], seq);
	}
	assert_int_equal(gone, diff.gone_count);
	assert_int_equal(changed, diff.changed_count);
}

/* mail_view_merge: every row of `to`, and those of `from` that are not in it, marked gone. */
static struct mail_view *expect_merge(struct mail_view *from, struct mail_view *to)
{
	struct mail_view *merged = mail_view_merge(from, to);
	uint32_t a = 1, b = 1, seq = 1;
	bool any = false;
	while (a <= mail_view_count(from) || b <= mail_view_count(to)) {
		const struct mail_row *x =
			a <= mail_view_count(from) ? mail_view_row(from, a) : NULL;
		const struct mail_row *y = b <= mail_view_count(to) ? mail_view_row(to, b) : NULL;
		const struct mail_row *got = mail_view_row(merged, seq++);
		if (!y || (x && x->uid < y->uid)) {
			assert_int_equal(got->uid, x->uid);
			assert_true(got->gone);
			assert_true(mail_keywords_equal(mail_view_keywords(merged, got->keywords),
				mail_view_keywords(from, x->keywords)));
			any = true;
			a++;
			continue;
		}
		assert_int_equal(got->uid, y->uid);
		assert_int_equal(got->modseq, y->modseq);
		assert_int_equal(got->gone, y->gone);
		b++;
		a += x && x->uid == y->uid;
	}
	assert_int_equal(mail_view_count(merged), seq - 1);
	assert_int_equal(mail_view_change(merged), mail_view_change(to));
	assert_true(any || merged == to);
	return merged;
}

static void random_append(struct fixture *f, struct model *model, uint64_t *seed)
{
	struct mail_new messages[400];
	struct mail_added added;
	uint32_t count = fixture_random(seed, 20) ? fixture_random(seed, 4) + 1
						  : fixture_random(seed, 400) + 1;
	if (model->count + count > MODEL_MAX)
		return;
	for (uint32_t i = 0; i < count; i++) {
		const char *keywords =
			keyword_choices[fixture_random(seed, ARRAY_LEN(keyword_choices))];
		messages[i] = (struct mail_new){.bytes = slice_str(body),
			.flags = (uint8_t)fixture_random(seed, 32),
			.keywords = fixture_keywords(f, keywords)};
		model->rows[model->count + i] =
			(struct model_row){.flags = messages[i].flags, .keywords = keywords};
	}
	assert_ok(mail_append(
		f->mail, f->account, f->inbox, &no_limits, messages, count, &added, &err));
	for (uint32_t i = 0; i < count; i++) {
		model->rows[model->count].uid = added.first_uid + i;
		model->rows[model->count++].modseq = added.change;
	}
}

static struct mail_range random_range(const struct model *model, uint64_t *seed)
{
	uint32_t wide = fixture_random(seed, 10) == 0 ? 300 : 4;
	uint32_t first = model->count ? model->rows[fixture_random(seed, model->count)].uid : 1;
	return (struct mail_range){first, first + fixture_random(seed, wide)};
}

static void random_flags(struct fixture *f, struct model *model, uint64_t *seed)
{
	struct mail_range range = random_range(model, seed);
	const char *keywords = keyword_choices[fixture_random(seed, ARRAY_LEN(keyword_choices))];
	uint8_t flags = (uint8_t)fixture_random(seed, 32);
	struct mail_set changed = {0};
	uint64_t change;
	struct mail_store_request request = {
		.mode = MAIL_STORE_SET, .flags = flags, .keywords = fixture_keywords(f, keywords)};
	mail_set_add(&request.uids, range.first, range.last);
	assert_ok(mail_store_flags(
		f->mail, f->account, f->inbox, &request, &changed, NULL, &change, &err));
	for (uint32_t i = 0; i < model->count; i++) {
		if (!mail_set_has(&changed, model->rows[i].uid))
			continue;
		assert_false(model->rows[i].gone);
		model->rows[i].flags = flags;
		model->rows[i].keywords = keywords;
		model->rows[i].modseq = change;
	}
	mail_set_free(&changed);
	mail_set_free(&request.uids);
}

static void random_expunge(struct fixture *f, struct model *model, uint64_t *seed)
{
	struct mail_range range = random_range(model, seed);
	struct mail_set set = {0}, gone = {0};
	uint64_t change;
	mail_set_add(&set, range.first, range.last);
	assert_ok(mail_expunge(f->mail, f->account, f->inbox, &set, true, &gone, &change, &err));
	for (uint32_t i = 0; i < model->count; i++) {
		if (model->rows[i].uid < range.first || model->rows[i].uid > range.last)
			continue;
		assert_int_equal(mail_set_has(&gone, model->rows[i].uid), !model->rows[i].gone);
		model->rows[i].gone = true;
	}
	mail_set_free(&set);
	mail_set_free(&gone);
}

static void follow_model(uint64_t seed, unsigned steps)
{
	enum { SESSIONS = 5 };
	struct fixture *f = fixture_open(0);
	struct model *model = calloc(1, sizeof(*model));
	struct mail_view *sessions[SESSIONS];
	assert_non_null(model);
	for (unsigned i = 0; i < SESSIONS; i++)
		sessions[i] = fixture_view(f, f->inbox);
	for (unsigned step = 0; step < steps; step++) {
		for (uint32_t n = fixture_random(&seed, 3) + 1; n > 0; n--) {
			uint32_t what = fixture_random(&seed, 10);
			(what < 3          ? random_append
				: what < 7 ? random_flags
					   : random_expunge)(f, model, &seed);
		}
		if (fixture_random(&seed, 40) == 0) { /* as after a restart */
			struct mail_options options = {.store = f->store};
			mail_close(f->mail);
			assert_ok(mail_open(&options, &f->mail, &err));
		}
		struct mail_view *view = fixture_view(f, f->inbox);
		if (step % 8 == 0)
			expect_view(f, view, model);
		struct mail_view **session = &sessions[fixture_random(&seed, SESSIONS)];
		expect_diff(*session, view);
		struct mail_view *merged = expect_merge(*session, view);
		expect_diff(*session, merged);
		expect_diff(merged, view);
		mail_view_unref(*session);
		bool keep_gone = fixture_random(&seed, 2);
		*session = mail_view_ref(keep_gone ? merged : view);
		mail_view_unref(merged);
		mail_view_unref(view);
		if (step % 64 == 0) /* keywords made on the way */
			arena_free(&f->arena);
	}
	for (unsigned i = 0; i < SESSIONS; i++)
		mail_view_unref(sessions[i]);
	free(model);
	fixture_close(f);
}

static void views_follow_any_sequence_of_changes(void **state)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		follow_model(seed, 1000);
}

static void an_unchanged_mailbox_gives_the_same_view(void **state)
{
	struct fixture *f = fixture_open(0);
	fixture_append(f, f->inbox, body, 0, "");
	struct mail_view *a = fixture_view(f, f->inbox), *b = fixture_view(f, f->inbox);
	assert_ptr_equal(a, b);
	mail_view_unref(a);
	mail_view_unref(b);
	fixture_close(f);
}

static void a_change_copies_one_chunk(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_new messages[VIEW_CHUNK_ROWS];
	struct mail_added added;
	for (size_t i = 0; i < VIEW_CHUNK_ROWS; i++)
		messages[i] = (struct mail_new){.bytes = slice_str(body)};
	for (int i = 0; i < 8; i++)
		assert_ok(mail_append(f->mail, f->account, f->inbox, &no_limits, messages,
			VIEW_CHUNK_ROWS, &added, &err));
	struct mail_view *before = fixture_view(f, f->inbox);
	fixture_flags(f, f->inbox, "700", MAIL_STORE_ADD, MAIL_SEEN, "");
	struct mail_view *after = fixture_view(f, f->inbox);
	assert_int_equal(after->chunk_count, 8);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(before->chunks[i] == after->chunks[i], i != 2);
	mail_view_unref(before);
	/* Chunks that shrink are joined. */
	before = after;
	fixture_expunge(f, f->inbox, "2:256,258:512,514:768");
	after = fixture_view(f, f->inbox);
	assert_true(after->chunk_count <= 6);
	assert_int_equal(mail_view_count(after), 3 + 5 * VIEW_CHUNK_ROWS);
	mail_view_unref(before);
	mail_view_unref(after);
	fixture_close(f);
}

static void keywords_in_use_are_listed_once(void **state)
{
	struct fixture *f = fixture_open(0);
	struct mail_keywords all;
	struct mail_view *view = fixture_view(f, f->inbox);
	mail_view_all_keywords(view, &f->arena, &all);
	assert_int_equal(all.count, 0);
	mail_view_unref(view);
	fixture_append(f, f->inbox, body, 0, "b a");
	fixture_append(f, f->inbox, body, 0, "B c");
	fixture_append(f, f->inbox, body, 0, "gone");
	fixture_expunge(f, f->inbox, "3");
	view = fixture_view(f, f->inbox);
	mail_view_all_keywords(view, &f->arena, &all);
	assert_int_equal(all.count, 3);
	assert_slice(all.names[0], "a");
	assert_slice(all.names[2], "c");
	mail_view_unref(view);
	fixture_close(f);
}

static void a_mailbox_may_have_any_number_of_keyword_sets(void **state)
{
	struct fixture *f = fixture_open(0);
	enum { SETS = 3000 };
	for (unsigned i = 1; i <= SETS; i++)
		fixture_append(f, f->inbox, body, 0, arena_printf(&f->arena, "k%u", i));
	/* Names that no message has any more do not pile up. */
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i <= 1000; i++) {
			fixture_flags(f, f->inbox, "1", MAIL_STORE_SET, 0,
				arena_printf(&f->arena, "r%u.%u", round, i));
			mail_view_unref(fixture_view(f, f->inbox));
		}
	}
	struct mail_view *view = fixture_view(f, f->inbox);
	for (unsigned i = 2; i <= SETS; i++)
		assert_true(has_keywords(
			view, mail_view_row(view, i), arena_printf(&f->arena, "k%u", i)));
	assert_true(has_keywords(view, mail_view_row(view, 1), "r2.1000"));
	assert_true(keyword_table_count(view->keywords) < SETS + 1100);
	mail_view_unref(view);
	fixture_close(f);
}

static void few_views_are_kept_and_all_are_right(void **state)
{
	enum { BOXES = 100 };
	struct fixture *f = fixture_open(1);
	struct id boxes[BOXES];
	for (unsigned i = 0; i < BOXES; i++) {
		boxes[i] = fixture_create(f, arena_printf(&f->arena, "box%u", i));
		for (unsigned n = 0; n < i % 7; n++)
			fixture_append(f, boxes[i], body, 0, "");
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < BOXES; i++) {
			struct mail_view *view = fixture_view(f, boxes[i]);
			assert_int_equal(mail_view_count(view), i % 7 + round);
			mail_view_unref(view);
			fixture_append(f, boxes[i], body, 0, "");
		}
	}
	fixture_close(f);
}

static void recent_is_what_nobody_took(void **state)
{
	struct fixture *f = fixture_open(0);
	assert_int_equal(mail_recent_from(f->mail, f->account, f->inbox, 5, false), 1);
	assert_int_equal(mail_recent_from(f->mail, f->account, f->inbox, 5, true), 1);
	assert_int_equal(mail_recent_from(f->mail, f->account, f->inbox, 7, false), 5);
	assert_int_equal(mail_recent_from(f->mail, f->account, f->inbox, 7, true), 5);
	assert_int_equal(mail_recent_from(f->mail, f->account, f->inbox, 6, true), 7);
	assert_int_equal(mail_recent_from(f->mail, f->account, f->inbox, 7, true), 7);
	assert_int_equal(mail_recent_from(f->mail, id_new(), f->inbox, 7, true), 1);
	fixture_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_follow_any_sequence_of_changes),
		cmocka_unit_test(an_unchanged_mailbox_gives_the_same_view),
		cmocka_unit_test(a_change_copies_one_chunk),
		cmocka_unit_test(keywords_in_use_are_listed_once),
		cmocka_unit_test(a_mailbox_may_have_any_number_of_keyword_sets),
		cmocka_unit_test(few_views_are_kept_and_all_are_right),
		cmocka_unit_test(recent_is_what_nobody_took),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
