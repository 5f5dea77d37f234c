/* From memory into the store: all reports of the last minute in a few commits. Rows go to this
 * node's own account, so no two nodes ever count in one row. */
#include "reports/reports_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

enum {
	BATCH = 1000,       /* rows that go in one write */
	ASK_MS = 20 * 1000, /* after that records are asked for no more, until the next time */
};

struct fold {
	struct reports *r;
	struct store_write *write;
	const struct reports_table_report *report; /* the one that is open */
	struct store_collection *collection;
	struct reports_head head;
	uint64_t dropped;
};

static struct reports_name name_of(const struct reports_table_report *report)
{
	return (struct reports_name){
		.day = report->day, .kind = report->kind, .domain = slice_str(report->domain)};
}

/* Where the report before it ended, if that was today. */
static int find_begin(struct fold *f, struct id account, const struct reports_name *name,
	int64_t *ret_begin, struct err *err)
{
	struct reports_sent sent;
	int r = reports_sent_get(f->write, account, name, &sent, err);
	bool today = r == 0 && sent.end > name->day && sent.end < name->day + DAY_SECONDS;
	*ret_begin = today ? sent.end : name->day;
	return r < 0 ? r : 0;
}

static int open_report(struct fold *f, const struct reports_table_report *report, struct err *err)
{
	struct id account = reports_account(f->r->options.node);
	struct reports_name name = name_of(report);
	char text[REPORTS_NAME_MAX];
	reports_name_write(&name, text);
	f->report = report;
	int r = store_write_find_collection(
		f->write, account, STORE_REPORTS, slice_str(text), &f->collection, err);
	if (r == 0 && reports_head_read(f->collection->data, &f->head))
		return 0;
	f->head = (struct reports_head){0};
	if (r >= 0 && find_begin(f, account, &name, &f->head.begin, err) < 0)
		r = -1;
	if (r == STORE_ABSENT)
		r = store_write_collection_new(f->write, account, STORE_REPORTS, slice_str(text),
			SLICE(""), &f->collection, err);
	return r;
}

static int close_report(struct fold *f, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(REPORTS_ABOUT_MAX + 128);
	if (!f->report)
		return 0;
	if (f->report->about)
		f->head.about = slice_str(f->report->about);
	reports_head_write(&f->head, &data);
	if (data.failed)
		return err_temporary(err, ERR_LIMIT, "no memory for a report");
	f->collection->data = buf_slice(&data);
	store_write_collection_changed(f->write, f->collection);
	f->report = NULL;
	return 0;
}

static int put(struct fold *f, const struct reports_table_row *row, struct err *err)
{
	AUTO(buf_free) struct buf data = BUF(REPORTS_KEY_MAX + 64);
	struct reports_row sum = {
		.good = row->good, .bad = row->bad, .key = slice(row->key, row->key_len)};
	struct reports_row was;
	char name[REPORTS_ROW_NAME];
	reports_row_name(sum.key, name);
	struct store_object object, fresh = {.name = slice_str(name)};
	int r = store_write_find_object(f->write, f->collection, fresh.name, &object, err);
	if (r < 0)
		return r;
	if (r == STORE_ABSENT && f->collection->count >= REPORTS_ROWS_MAX) {
		f->dropped += sum.good + sum.bad;
		return 0;
	}
	if (r == 0 && reports_row_read(object.data, &was)) {
		sum.good += was.good;
		sum.bad += was.bad;
	}
	reports_row_write(&sum, &data);
	fresh.data = buf_slice(&data);
	if (r == STORE_ABSENT)
		return store_write_object_new(f->write, f->collection, &fresh, SLICE_NONE, err);
	object.data = fresh.data;
	return store_write_object(f->write, f->collection, &object, SLICE_NONE, err);
}

/* A failure of TLS is counted with its policy already. */
static void add_up(struct fold *f, const struct reports_table_row *row)
{
	struct reports_tls_key key;
	bool again = f->report->kind == REPORTS_TLS &&
		     reports_tls_read(slice(row->key, row->key_len), &key) && key.is_failure;
	f->head.good += again ? 0 : row->good;
	f->head.bad += again ? 0 : row->bad;
}

static int write_rows(
	struct fold *f, const struct reports_table_row *const *rows, size_t count, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (rows[i]->report != f->report) {
			r = close_report(f, err);
			if (r == 0)
				r = open_report(f, rows[i]->report, err);
		}
		if (r == 0)
			r = put(f, rows[i], err);
		if (r == 0)
			add_up(f, rows[i]);
	}
	return r < 0 ? r : close_report(f, err);
}

static int write_batch(struct reports *reports, const struct reports_table_row *const *rows,
	size_t count, struct err *err)
{
	struct id account = reports_account(reports->options.node);
	struct fold f = {.r = reports};
	if (store_write_begin(reports->options.store, &account, 1, &f.write, err) < 0)
		return -1;
	int r = write_rows(&f, rows, count, err);
	if (r == 0)
		r = store_write_commit(f.write, err);
	else
		store_write_abort(f.write);
	if (r == 0)
		(void)atomic_fetch_add(&reports->dropped, f.dropped);
	return r;
}

/* Who asks for no reports of TLS gets none: his rows are left out here, so that sending mail needs
 * no question to the DNS more. */
static bool is_wanted(struct reports *r, const struct reports_table_report *report, int64_t until,
	struct arena *arena, struct slice *ret_about)
{
	struct slice rua;
	*ret_about = slice_str(report->about);
	if (report->kind != REPORTS_TLS || !r->options.dns || reports_is_stopping(r) ||
		clock_mono_ms() >= until)
		return true;
	return reports_find_tls_record(r->options.dns, slice_str(report->domain), arena, ret_about,
		       &rua, NULL) <= 0;
}

static struct reports_table *take_table(struct reports *r)
{
	struct reports_table *fresh = reports_table_new();
	(void)pthread_mutex_lock(&r->lock);
	struct reports_table *taken = r->table;
	r->table = fresh;
	(void)pthread_mutex_unlock(&r->lock);
	return taken;
}

/* Those whose reports somebody wants; what their records say stands in the report's `about`. */
static size_t choose(
	struct reports *r, struct reports_table *table, const struct reports_table_row **rows)
{
	int64_t until = clock_mono_ms() + ASK_MS;
	size_t count = 0;
	for (struct reports_table_report *report = reports_table_reports(table); report;
		report = report->next) {
		AUTO(arena_free) struct arena arena = ARENA_EMPTY;
		struct slice about;
		if (!is_wanted(r, report, until, &arena, &about))
			continue;
		if (about.len > 0 && about.len <= REPORTS_ABOUT_MAX && !report->about)
			report->about = slice_dup(about);
		for (struct reports_table_row *row = report->rows; row; row = row->next)
			rows[count++] = row;
	}
	return count;
}

static void put_back(struct reports *r, const struct reports_table_row *const *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct reports_name name = name_of(rows[i]->report);
		reports_add(r, &name, slice_str(rows[i]->report->about),
			&(struct reports_row){.good = rows[i]->good,
				.bad = rows[i]->bad,
				.key = slice(rows[i]->key, rows[i]->key_len)});
	}
}

int reports_fold(struct reports *r, struct err *err)
{
	(void)pthread_mutex_lock(&r->lock);
	bool empty = reports_table_rows(r->table) == 0;
	(void)pthread_mutex_unlock(&r->lock);
	if (empty)
		return 0;
	struct reports_table *table = take_table(r);
	const struct reports_table_row **rows =
		alloc_zero(reports_table_rows(table), sizeof(const struct reports_table_row *));
	size_t count = choose(r, table, rows), at = 0;
	int done = 0;
	while (done == 0 && at < count) {
		size_t some = MIN(count - at, (size_t)BATCH);
		done = write_batch(r, rows + at, some, err);
		at += done == 0 ? some : 0;
	}
	put_back(r, rows + at, count - at);
	free(rows);
	reports_table_free(table);
	return done;
}
