/* The messages of a FETCH, in batches, whose facts and kept forms are read in one scan each. */
#include "imap/fetch_internal.h"

#include "base/alloc.h"

enum {
	BATCH = 128,
	SCAN_SPREAD = 4,            /* a scan may pass over this many rows for each one wanted */
	FACETS_ENOUGH = 256 * 1024, /* then the rest of the batch is read later */
};

void imap_fetch_rows_init(struct imap_fetch_rows *r)
{
	*r = (struct imap_fetch_rows){.facets = BUF(SIZE_MAX)};
}

void imap_fetch_rows_free(struct imap_fetch_rows *r)
{
	mail_set_free(&r->uids);
	buf_free(&r->facets);
	free(r->rows);
}

void imap_fetch_rows_forget(struct imap_fetch_rows *r)
{
	buf_free(&r->facets);
	r->loaded = r->at;
}

/* Fills the batch with the next rows of the set: within a range they follow each other. False when
 * there are none left. */
static bool next_batch(const struct mail_view *view, struct imap_fetch_rows *r)
{
	uint32_t count = mail_view_count(view);
	if (!r->rows)
		r->rows = alloc(BATCH * sizeof(*r->rows));
	r->count = r->at = r->loaded = 0;
	while (r->range < r->uids.count && r->count < BATCH) {
		const struct mail_range *range = &r->uids.ranges[r->range];
		if (r->next_seq == 0)
			r->next_seq = mail_view_seq_from(view, range->first);
		for (; r->next_seq <= count && r->count < BATCH; r->next_seq++) {
			const struct mail_row *in_view = mail_view_row(view, r->next_seq);
			if (in_view->uid > range->last)
				break;
			if (r->changed_only && in_view->modseq <= r->changed_since)
				continue;
			r->rows[r->count++] = (struct imap_fetch_row){
				.uid = in_view->uid, .seq = r->next_seq, .in_view = *in_view};
		}
		if (r->count < BATCH) {
			r->range++;
			r->next_seq = 0;
		}
	}
	return r->count > 0;
}

struct filling {
	struct imap_fetch_rows *rows;
	uint32_t at;
	bool full;
};

static struct imap_fetch_row *row_of(struct filling *fill, uint32_t uid)
{
	struct imap_fetch_rows *r = fill->rows;
	while (fill->at < r->count && r->rows[fill->at].uid < uid)
		fill->at++;
	return fill->at < r->count && r->rows[fill->at].uid == uid ? &r->rows[fill->at] : NULL;
}

static bool take_facts(void *context, const struct mail_message *message)
{
	struct imap_fetch_row *row = row_of(context, message->uid);
	if (row) {
		row->facts = *message;
		row->facts.keywords = (struct mail_keywords){0}; /* lives in the view */
		row->have_facts = true;
	}
	return true;
}

static bool take_facet(void *context, uint32_t uid, const struct mail_facet *facet)
{
	struct filling *fill = context;
	struct imap_fetch_row *row = row_of(fill, uid);
	struct buf *facets = &fill->rows->facets;
	if (!row)
		return true;
	row->envelope_at = facets->len;
	row->envelope_len = facet->envelope.len;
	buf_add_slice(facets, facet->envelope);
	row->structure_at = facets->len;
	row->structure_len = facet->structure.len;
	buf_add_slice(facets, facet->structure);
	row->have_facet = !facets->failed;
	fill->full = facets->len >= FACETS_ENOUGH;
	return row->have_facet && !fill->full;
}

/* From the row that is written next on, as far as it takes no more memory than it should. One scan
 * when the UIDs lie close together, else one look-up each. */
static int load(struct imap_session *s, struct imap_fetch_rows *r,
	const struct imap_fetch_request *request, struct err *err)
{
	struct mail *mail = imap_mail(s);
	struct id account = imap_account(s), mailbox = s->selected->mailbox;
	uint32_t i = r->at;
	buf_clear(&r->facets);
	for (uint32_t at = i; at < r->count; at++)
		r->rows[at].have_facet = false;
	while (i < r->count) {
		uint32_t end = i + 1;
		while (end < r->count && r->rows[end].uid - r->rows[end - 1].uid <= SCAN_SPREAD)
			end++;
		uint32_t first = r->rows[i].uid, last = r->rows[end - 1].uid;
		struct filling fill = {.rows = r, .at = i};
		if (request->facts && mail_message_scan(mail, account, mailbox, first, last,
					      take_facts, &fill, err) < 0)
			return -1;
		fill.at = i;
		if (request->facets && mail_facet_scan(mail, account, mailbox, first, last,
					       take_facet, &fill, err) < 0)
			return -1;
		i = fill.full ? fill.at + 1 : end;
		r->loaded = i;
		if (fill.full)
			break;
	}
	return 0;
}

int imap_fetch_rows_next(struct imap_session *s, struct imap_fetch_rows *r,
	const struct imap_fetch_request *request, struct imap_fetch_row **ret_row, struct err *err)
{
	if (r->at == r->count && !next_batch(s->selected->view, r))
		return IMAP_FETCH_NO_MORE;
	if (r->at >= r->loaded && load(s, r, request, err) < 0)
		return -1;
	*ret_row = &r->rows[r->at];
	return 0;
}
