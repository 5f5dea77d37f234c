/* Views made while the mailbox changes: one writer, several readers, some of whom load from
 * nothing.
 *
 * The writer notes what the mailbox will be at each change number before it commits. A view is
 * right when it is the mailbox at its change number, or at a later one with only expunges between.
 */
#include "mail/test_support.h"

#include "base/bytes.h"

#include <pthread.h>
#include <stdatomic.h>

enum { READERS = 3, CHANGES = 1500, ROWS_MAX = 8000 };

static const char body[] = "Subject: x\r\n\r\nb";

struct state_at {
	uint64_t digest;
	bool expunge;
};

struct world {
	struct fixture *f;
	pthread_mutex_t lock; /* guards states */
	struct state_at states[CHANGES + 100];
	atomic_bool done;
};

/* Of a row; those of all rows are added up. */
static uint64_t row_digest(uint32_t uid, uint8_t flags, uint64_t modseq)
{
	uint64_t parts[3] = {uid, flags, modseq};
	return bytes_hash(slice(parts, sizeof(parts)));
}

static void note(struct world *world, uint64_t change, uint64_t digest, bool expunge)
{
	(void)pthread_mutex_lock(&world->lock);
	world->states[change] = (struct state_at){digest, expunge};
	(void)pthread_mutex_unlock(&world->lock);
}

struct writer {
	struct mail_row rows[ROWS_MAX];
	uint32_t count;
	uint64_t digest, change, seed;
};

static void write_append(struct world *world, struct writer *w)
{
	struct mail_new messages[20];
	struct mail_added added;
	uint32_t count = fixture_random(&w->seed, ARRAY_LEN(messages)) + 1;
	uint32_t uid = w->count ? w->rows[w->count - 1].uid + 1 : 1;
	for (uint32_t i = 0; i < count; i++, uid++) {
		messages[i] = (struct mail_new){.bytes = slice_str(body)};
		w->rows[w->count++] = (struct mail_row){.uid = uid, .modseq = w->change};
		w->digest += row_digest(uid, 0, w->change);
	}
	note(world, w->change, w->digest, false);
	assert_ok(mail_append(world->f->mail, world->f->account, world->f->inbox, &no_limits,
		messages, count, &added, &err));
	assert_int_equal(added.change, w->change);
}

static void write_flags(struct world *world, struct writer *w)
{
	struct mail_store_request request = {.flags = (uint8_t)(w->change % 32)};
	uint64_t change;
	for (int i = 0; i < 5; i++) {
		struct mail_row *row = &w->rows[fixture_random(&w->seed, w->count)];
		if (row->gone || row->flags == request.flags)
			continue;
		mail_set_add(&request.uids, row->uid, row->uid);
		w->digest -= row_digest(row->uid, row->flags, row->modseq);
		row->flags = request.flags;
		row->modseq = w->change;
		w->digest += row_digest(row->uid, row->flags, row->modseq);
	}
	note(world, w->change, w->digest, false);
	assert_ok(mail_store_flags(world->f->mail, world->f->account, world->f->inbox, &request,
		NULL, NULL, &change, &err));
	mail_set_free(&request.uids);
}

static void write_expunge(struct world *world, struct writer *w)
{
	struct mail_set set = {0};
	uint64_t change;
	for (int i = 0; i < 8; i++) {
		struct mail_row *row = &w->rows[fixture_random(&w->seed, w->count)];
		if (row->gone)
			continue;
		row->gone = true;
		w->digest -= row_digest(row->uid, row->flags, row->modseq);
		mail_set_add(&set, row->uid, row->uid);
	}
	note(world, w->change, w->digest, true);
	assert_ok(mail_expunge(world->f->mail, world->f->account, world->f->inbox, &set, true, NULL,
		&change, &err));
	mail_set_free(&set);
}

static uint64_t account_change(struct world *world)
{
	struct store_account row;
	assert_ok(store_get_account(world->f->store, world->f->account, &row, &err));
	return row.change;
}

static void *run_writer(void *context)
{
	struct world *world = context;
	struct writer *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->seed = 11;
	while ((w->change = account_change(world) + 1) < CHANGES) {
		uint32_t what = fixture_random(&w->seed, 10);
		if (w->count + 20 < ROWS_MAX && (what < 4 || w->count < 50))
			write_append(world, w);
		else if (what < 8)
			write_flags(world, w);
		else
			write_expunge(world, w);
	}
	free(w);
	atomic_store(&world->done, true);
	return NULL;
}

static void expect_state(struct world *world, const struct mail_view *view)
{
	uint64_t digest = 0, change = mail_view_change(view);
	uint32_t last_uid = 0;
	for (uint32_t seq = 1; seq <= mail_view_count(view); seq++) {
		const struct mail_row *row = mail_view_row(view, seq);
		assert_true(row->uid > last_uid && row->uid < mail_view_uid_next(view));
		assert_true(row->modseq <= change);
		last_uid = row->uid;
		digest += row_digest(row->uid, row->flags, row->modseq);
	}
	(void)pthread_mutex_lock(&world->lock);
	while (world->states[change].digest != digest && change + 1 < CHANGES &&
		world->states[change + 1].expunge)
		change++;
	bool right = world->states[change].digest == digest;
	(void)pthread_mutex_unlock(&world->lock);
	if (!right)
		fail_msg("the view at change %llu is no state of the mailbox",
			(unsigned long long)mail_view_change(view));
}

static void *run_reader(void *context)
{
	struct world *world = context;
	struct mail *mail = world->f->mail, *own = NULL;
	struct mail_view *view, *before = NULL;
	for (unsigned round = 0; !atomic_load(&world->done); round++) {
		struct mail_options options = {.store = world->f->store};
		if (round % 16 == 0) { /* a cache of its own, empty */
			mail_close(own);
			assert_ok(mail_open(&options, &own, &err));
		}
		assert_ok(mail_view_open(round % 4 == 0 ? own : mail, world->f->account,
			world->f->inbox, &view, &err));
		expect_state(world, view);
		if (before) {
			struct mail_view *merged = mail_view_merge(before, view);
			assert_true(mail_view_count(merged) >= mail_view_count(view));
			mail_view_unref(merged);
		}
		mail_view_unref(before);
		before = view;
	}
	mail_view_unref(before);
	mail_close(own);
	return NULL;
}

static void readers_see_only_states_that_were(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	pthread_t writer, readers[READERS];
	assert_non_null(world);
	world->f = fixture_open(0);
	(void)pthread_mutex_init(&world->lock, NULL);
	assert_int_equal(pthread_create(&writer, NULL, run_writer, world), 0);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, run_reader, world), 0);
	(void)pthread_join(writer, NULL);
	for (unsigned i = 0; i < READERS; i++)
		(void)pthread_join(readers[i], NULL);
	fixture_close(world->f);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_only_states_that_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
