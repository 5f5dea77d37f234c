/* One table by hash for rows, whose key is their report and their own key; reports, far fewer, hang
 * in a second one. */
#include "reports/table.h"

#include "base/alloc.h"
#include "base/bytes.h"

enum { SLOTS = 1 << 14, REPORT_SLOTS = 1 << 12, ROW_COST = 64, REPORT_COST = 128 };

struct report {
	struct reports_table_report r; /* first, so that it leads back here */
	struct report *in_slot;
	uint64_t hash;
};

struct reports_table {
	struct reports_table_row *slots[SLOTS];
	struct report *report_slots[REPORT_SLOTS];
	struct reports_table_report *reports;
	size_t rows, bytes;
};

struct reports_table *reports_table_new(void)
{
	return ALLOC(struct reports_table);
}

void reports_table_free(struct reports_table *t)
{
	if (!t)
		return;
	while (t->reports) {
		struct reports_table_report *report = t->reports;
		t->reports = report->next;
		while (report->rows) {
			struct reports_table_row *row = report->rows;
			report->rows = row->next;
			free(row);
		}
		free(report->domain);
		free(report->about);
		free(report);
	}
	free(t);
}

static bool is_report(const struct reports_table_report *r, const struct reports_name *name)
{
	return r->day == name->day && r->kind == name->kind &&
	       slice_eq(slice_str(r->domain), name->domain);
}

static struct report *find_report(
	struct reports_table *t, const struct reports_name *name, uint64_t hash)
{
	struct report *report = t->report_slots[hash % REPORT_SLOTS];
	while (report && (report->hash != hash || !is_report(&report->r, name)))
		report = report->in_slot;
	return report;
}

static struct report *add_report(
	struct reports_table *t, const struct reports_name *name, uint64_t hash)
{
	struct report *report = ALLOC(struct report);
	*report = (struct report){.r = {.next = t->reports,
					  .day = name->day,
					  .kind = name->kind,
					  .domain = slice_dup(name->domain)},
		.in_slot = t->report_slots[hash % REPORT_SLOTS],
		.hash = hash};
	t->report_slots[hash % REPORT_SLOTS] = report;
	t->reports = &report->r;
	t->bytes += REPORT_COST + name->domain.len;
	return report;
}

static void set_about(
	struct reports_table *t, struct reports_table_report *report, struct slice about)
{
	if (about.len == 0 || (report->about && slice_eq(slice_str(report->about), about)))
		return;
	t->bytes += about.len;
	t->bytes -= report->about ? strlen(report->about) : 0;
	free(report->about);
	report->about = slice_dup(about);
}

static struct reports_table_row *find_row(struct reports_table *t,
	const struct reports_table_report *report, struct slice key, uint64_t hash)
{
	struct reports_table_row *row = t->slots[hash % SLOTS];
	while (row && (row->hash != hash || row->report != report ||
			      !slice_eq(slice(row->key, row->key_len), key)))
		row = row->in_slot;
	return row;
}

static struct reports_table_row *add_row(struct reports_table *t,
	struct reports_table_report *report, struct slice key, uint64_t hash)
{
	struct reports_table_row *row = alloc_zero(1, sizeof(*row) + key.len);
	row->next = report->rows;
	row->in_slot = t->slots[hash % SLOTS];
	row->report = report;
	row->hash = hash;
	row->key_len = key.len;
	memcpy(row->key, key.ptr, key.len);
	report->rows = row;
	t->slots[hash % SLOTS] = row;
	t->rows++;
	t->bytes += ROW_COST + key.len;
	return row;
}

bool reports_table_add(struct reports_table *t, const struct reports_name *name, struct slice about,
	const struct reports_row *row)
{
	uint64_t report_hash = bytes_hash(name->domain) + (uint64_t)name->day + name->kind;
	uint64_t hash = bytes_hash(row->key) ^ report_hash * 31;
	struct report *report = find_report(t, name, report_hash);
	struct reports_table_row *at = report ? find_row(t, &report->r, row->key, hash) : NULL;
	size_t more = ROW_COST + REPORT_COST + name->domain.len + about.len + row->key.len;
	if (!at && (t->rows >= REPORTS_TABLE_ROWS || t->bytes + more > REPORTS_TABLE_BYTES ||
			   row->key.len > REPORTS_KEY_MAX || row->key.len == 0))
		return false;
	if (!report)
		report = add_report(t, name, report_hash);
	if (!at)
		at = add_row(t, &report->r, row->key, hash);
	set_about(t, &report->r, about);
	at->good += row->good;
	at->bad += row->bad;
	return true;
}

size_t reports_table_rows(const struct reports_table *t)
{
	return t->rows;
}

struct reports_table_report *reports_table_reports(const struct reports_table *t)
{
	return t->reports;
}
