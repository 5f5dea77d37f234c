/* ENVELOPE and BODYSTRUCTURE as they are kept. A facet that is missing (too large, or of another
 * version) is made from the message; the scan is left for that and gone on with behind it, so that
 * nothing is read from the store within a scan. */
#include "mail/mail_internal.h"
#include "mail/message.h"
#include "mail/prepare_internal.h"
#include "mail/record_internal.h"
#include "mail/view.h"

/* What a facet made for the moment may take: any message's fits. */
static const size_t MADE_MAX = (size_t)1 << 30;

static int make(struct mail *mail, struct id account, struct id mailbox, uint32_t uid,
	struct buf *to, struct err *err)
{
	AUTO(arena_free) struct arena arena = ARENA_EMPTY;
	AUTO(buf_free) struct buf bytes = BUF((size_t)INT32_MAX);
	struct mail_message message;
	uint32_t header_len;
	int r = mail_message_get(mail, account, mailbox, uid, &arena, &message, err);
	if (r == 0)
		r = mail_message_read(mail, message.blob, 0, message.size, &bytes, err);
	if (r != 0)
		return r;
	mail_facet_make(buf_slice(&bytes), &header_len, to);
	if (to->failed)
		return err_temporary(err, ERR_LIMIT, "no memory for the structure of a message");
	return 0;
}

static bool read_record(struct slice bytes, struct mail_facet *ret_facet)
{
	struct mail_facet_record record;
	if (!mail_facet_record_read(bytes, &record))
		return false;
	*ret_facet = (struct mail_facet){record.envelope, record.structure};
	return true;
}

int mail_facet_get(struct mail *mail, struct id account, struct id mailbox, uint32_t uid,
	struct buf *to, struct mail_facet *ret_facet, struct err *err)
{
	size_t start = to->len;
	int r = store_get_facet(mail->store, account, mailbox, uid, to, err);
	if (r < 0)
		return r;
	if (r == 0 && !to->failed && read_record(slice_from(buf_slice(to), start), ret_facet))
		return 0;
	to->len = start;
	r = make(mail, account, mailbox, uid, to, err);
	if (r != 0)
		return r;
	if (!read_record(slice_from(buf_slice(to), start), ret_facet))
		return err_bug(err, "a facet just made can't be read");
	return 0;
}

struct facet_scan {
	const struct mail_view *view;
	uint32_t seq; /* of the message that comes next */
	bool (*visit)(void *context, uint32_t uid, const struct mail_facet *facet);
	void *context;
	bool stopped; /* by the caller */
};

static bool visit_facet(void *context, uint32_t number, struct slice record)
{
	struct facet_scan *scan = context;
	struct mail_facet facet;
	if (scan->seq > mail_view_count(scan->view))
		return false;
	uint32_t uid = mail_view_row(scan->view, scan->seq)->uid;
	if (number < uid)
		return true; /* of no message of the view */
	if (number > uid || !read_record(record, &facet))
		return false;
	scan->seq++;
	scan->stopped = !scan->visit(scan->context, uid, &facet);
	return !scan->stopped;
}

/* The next message has no facet: it gets one made, or is passed over when it was expunged. */
static int visit_made(struct mail *mail, struct id account, struct id mailbox,
	struct facet_scan *scan, struct err *err)
{
	AUTO(buf_free) struct buf made = BUF(MADE_MAX);
	struct mail_facet facet;
	uint32_t uid = mail_view_row(scan->view, scan->seq++)->uid;
	int r = mail_facet_get(mail, account, mailbox, uid, &made, &facet, err);
	if (r == 0)
		scan->stopped = !scan->visit(scan->context, uid, &facet);
	return r < 0 ? r : 0;
}

int mail_facet_scan(struct mail *mail, struct id account, struct id mailbox, uint32_t first,
	uint32_t last, bool (*visit)(void *context, uint32_t uid, const struct mail_facet *facet),
	void *context, struct err *err)
{
	struct mail_view *view;
	int r = mail_view_open(mail, account, mailbox, &view, err);
	if (r != 0)
		return r;
	struct facet_scan scan = {.view = view,
		.seq = mail_view_seq_from(view, first),
		.visit = visit,
		.context = context};
	while (r == 0 && !scan.stopped && scan.seq <= mail_view_count(view)) {
		uint32_t uid = mail_view_row(view, scan.seq)->uid;
		if (uid > last)
			break;
		r = store_scan_facets(
			mail->store, account, mailbox, uid, last, visit_facet, &scan, err);
		if (r == 0 && !scan.stopped && scan.seq <= mail_view_count(view) &&
			mail_view_row(view, scan.seq)->uid <= last)
			r = visit_made(mail, account, mailbox, &scan, err);
	}
	mail_view_unref(view);
	return r == STORE_ABSENT ? MAIL_ABSENT : r;
}
