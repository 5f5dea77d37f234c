/* FETCH. Messages are taken from the set (fetch_rows.c), each one's items are written in turn. When
 * the output is full the command stops where it is, even in the middle of a message's bytes, and
 * goes on when it has drained. */
#include "imap/fetch_internal.h"

#include "base/alloc.h"
#include "mail/change.h"

struct fetch {
	struct imap_going going;
	struct imap_fetch_request request;
	struct imap_fetch_rows rows;
	bool vanished;
	struct mail_set seen; /* got \Seen by this very command, with this MODSEQ */
	uint64_t seen_modseq;
	/* Where it is: */
	struct imap_fetch_item *item; /* of the message under way; NULL: none */
	bool in_message;
	struct imap_fetch_message message;
	struct imap_sending sending;
	size_t held; /* while the client is waited for */
	bool any_failed, unknown_encoding;
};

static void fetch_free(struct imap_session *s, struct imap_going *going)
{
	struct fetch *f = (struct fetch *)going;
	imap_fetch_rows_free(&f->rows);
	mail_set_free(&f->seen);
	imap_fetch_message_free(&f->message);
	imap_fetch_release(s->service, f->held);
	buf_free(&f->sending.content.bytes);
	free(f);
}

static void write_id(struct buf *out, struct id id)
{
	char text[ID_TEXT_SIZE + 1];
	id_to_text(id, text);
	buf_printf(out, "(%s)", text);
}

/* Items that are a few bytes each. */
static void write_small(struct imap_session *s, struct fetch *f, const struct imap_fetch_item *item,
	const struct imap_fetch_row *row, const struct mail_row *view_row)
{
	struct imap_selected *box = s->selected;
	struct buf *out = imap_out(s);
	switch (item->kind) {
	case IMAP_FETCH_UID:
		buf_add_u64(out, row->uid);
		break;
	case IMAP_FETCH_FLAGS:
		imap_write_flags(out, view_row->flags,
			mail_view_keywords(box->view, view_row->keywords),
			row->uid >= box->recent_from && !imap_has(s, IMAP_REV2));
		break;
	case IMAP_FETCH_SIZE:
		buf_add_u64(out, view_row->size);
		break;
	case IMAP_FETCH_MODSEQ:
		buf_add_byte(out, '(');
		buf_add_u64(out, view_row->modseq);
		buf_add_byte(out, ')');
		break;
	case IMAP_FETCH_INTERNALDATE:
		buf_add_byte(out, '"');
		message_write_imap_date(out, row->facts.internal_date);
		buf_add_byte(out, '"');
		break;
	case IMAP_FETCH_SAVEDATE:
		buf_add_byte(out, '"');
		message_write_imap_date(out, (struct message_date){.seconds = row->facts.saved});
		buf_add_byte(out, '"');
		break;
	case IMAP_FETCH_EMAILID:
		write_id(out, row->facts.blob);
		break;
	case IMAP_FETCH_THREADID:
		buf_add_str(out, "NIL");
		break;
	default:
		break;
	}
}

/* The row as it is behind this command's own \Seen, which the view does not know yet. */
static struct mail_row row_now(const struct fetch *f, const struct mail_row *in_view)
{
	struct mail_row row = *in_view;
	if (mail_set_has(&f->seen, row.uid)) {
		row.flags |= MAIL_SEEN;
		row.modseq = MAX(row.modseq, f->seen_modseq);
	}
	return row;
}

/* False: the message is not told of, since it is gone. */
static bool begin_message(struct imap_session *s, struct fetch *f, struct imap_fetch_row *row)
{
	if ((f->request.facts && !row->have_facts) || (f->request.facets && !row->have_facet)) {
		f->any_failed = true; /* expunged by somebody else: RFC 2180 section 4.1.3 */
		return false;
	}
	struct buf *out = imap_out(s);
	buf_add_str(out, "* ");
	buf_add_u64(out, row->seq);
	buf_add_str(out, " FETCH (");
	f->in_message = true;
	f->item = f->request.items;
	f->message.facts = &row->facts;
	return true;
}

/* One item; starts it or goes on with it. */
static enum imap_run write_item(struct imap_session *s, struct fetch *f,
	const struct imap_fetch_row *row, const struct mail_row *now, struct err *err)
{
	const struct imap_fetch_item *item = f->item;
	if (f->sending.content.len == 0) {
		struct buf *out = imap_out(s);
		if (item != f->request.items)
			buf_add_byte(out, ' ');
		buf_add_slice(out, item->label);
		buf_add_byte(out, ' ');
		if (item->kind < IMAP_FETCH_ENVELOPE)
			write_small(s, f, item, row, now);
		else if (imap_send_begin(s, &f->message, item, &f->sending, err) != 0)
			f->any_failed = true;
		f->unknown_encoding |= f->sending.content.unknown_encoding;
	}
	return imap_send_on(s, &f->message, &f->sending, err);
}

/* The client learns of \Seen in the same answer (RFC 9051 section 7.5.2), unless it is in it
 * already. */
static void end_message(struct imap_session *s, struct fetch *f, const struct mail_row *row)
{
	static const struct imap_fetch_item FLAGS = {.kind = IMAP_FETCH_FLAGS};
	if (!f->request.has_flags && mail_set_has(&f->seen, row->uid)) {
		buf_add_str(imap_out(s), " FLAGS ");
		write_small(s, f, &FLAGS, &f->rows.rows[f->rows.at], row);
	}
	buf_add_str(imap_out(s), ")\r\n");
	f->in_message = false;
	imap_fetch_message_free(&f->message);
	atomic_fetch_add_explicit(&s->service->figures.fetched, 1, memory_order_relaxed);
}

/* One message's "* n FETCH (…)"; starts it or goes on with it. */
static enum imap_run write_message(
	struct imap_session *s, struct fetch *f, struct imap_fetch_row *row, struct err *err)
{
	if (!f->in_message && !begin_message(s, f, row))
		return IMAP_DONE;
	if (f->request.facets && !row->have_facet) { /* read again, but expunged meanwhile */
		(void)err_temporary(err, ERR_ABSENT, "the message is gone");
		return IMAP_CLOSE;
	}
	f->message.forms = (struct mail_facet){
		.envelope = slice(f->rows.facets.data + row->envelope_at, row->envelope_len),
		.structure = slice(f->rows.facets.data + row->structure_at, row->structure_len)};
	struct mail_row now = row_now(f, &row->in_view);
	while (f->item) {
		enum imap_run r = write_item(s, f, row, &now, err);
		if (r != IMAP_DONE)
			return r;
		f->item = f->item->next;
	}
	end_message(s, f, &now);
	return IMAP_DONE;
}

/* The client reads slowly. What was read of the message under way is read again when its next item
 * needs it, rather than kept; so is all else that would be too much for all such clients. */
static enum imap_run wait_for_reader(struct imap_session *s, struct fetch *f)
{
	struct buf *bytes = &f->sending.content.bytes;
	size_t held = bytes->cap + f->rows.facets.cap;
	imap_fetch_message_free(&f->message);
	if (imap_fetch_hold(s->service, held)) {
		f->held = held;
	} else {
		buf_free(bytes);
		imap_fetch_rows_forget(&f->rows);
	}
	return IMAP_WAIT_OUTPUT;
}

static enum imap_run fetch_resume(struct imap_session *s, struct imap_going *going, unsigned events)
{
	struct fetch *f = (struct fetch *)going;
	struct err err = {0};
	if (events & NET_TIMEOUT) /* the client took nothing for that long */
		return IMAP_CLOSE;
	imap_fetch_release(s->service, f->held);
	f->held = 0;
	for (;;) {
		struct imap_fetch_row *row;
		int more = imap_fetch_rows_next(s, &f->rows, &f->request, &row, &err);
		if (more > 0)
			break;
		if (more < 0 && !f->in_message)
			return imap_failed(s, &err);
		enum imap_run r = more < 0 ? IMAP_CLOSE : write_message(s, f, row, &err);
		if (r == IMAP_CLOSE)
			log_error(net_log(s->net), "message can't be read", F_ERR(&err));
		if (r == IMAP_WAIT_OUTPUT)
			return wait_for_reader(s, f);
		if (r != IMAP_DONE)
			return r;
		f->rows.at++;
		if (net_output_full(s->net))
			return wait_for_reader(s, f);
	}
	if (f->unknown_encoding) /* RFC 3516 section 4.3 */
		return imap_no(s, "UNKNOWN-CTE", "Can't decode some of the parts");
	if (!f->any_failed)
		return imap_ok(s, NULL, "Fetched");
	if (err.class == ERR_NONE)
		return imap_no(s, "EXPUNGEISSUED", "Some of the messages are gone");
	return imap_failed(s, &err);
}

/* Sets \Seen on those that have it not; the answers say so themselves. */
static int store_seen(struct imap_session *s, struct fetch *f, struct err *err)
{
	struct imap_selected *box = s->selected;
	struct mail_store_request store = {.mode = MAIL_STORE_ADD, .flags = MAIL_SEEN};
	uint32_t count = mail_view_count(box->view);
	for (uint32_t i = 0; i < f->rows.uids.count; i++) {
		uint32_t seq = mail_view_seq_from(box->view, f->rows.uids.ranges[i].first);
		for (; seq <= count; seq++) {
			const struct mail_row *row = mail_view_row(box->view, seq);
			if (row->uid > f->rows.uids.ranges[i].last)
				break;
			if (!row->gone && !(row->flags & MAIL_SEEN))
				mail_set_add(&store.uids, row->uid, row->uid);
		}
	}
	int r = store.uids.count ? mail_store_flags(imap_mail(s), imap_account(s), box->mailbox,
					   &store, &f->seen, NULL, &f->seen_modseq, err)
				 : 0;
	mail_set_free(&store.uids);
	if (r < 0)
		return r;
	mail_set_free(&box->quiet);
	for (uint32_t i = 0; i < f->seen.count; i++)
		mail_set_add(&box->quiet, f->seen.ranges[i].first, f->seen.ranges[i].last);
	box->quiet_modseq = f->seen_modseq;
	return 0;
}

/* Mail can be read while nothing can be written, on a full disk say: then it stays unseen. */
static int set_seen(struct imap_session *s, struct fetch *f, struct err *err)
{
	int r = store_seen(s, f, err);
	if (r == 0 || err->class != ERR_TEMPORARY)
		return r;
	log_warn(net_log(s->net), "messages that were read stay unseen", F_ERR(err));
	mail_set_free(&f->seen);
	return 0;
}

static bool parse_modifiers(struct imap_session *s, struct imap_parser *p, struct fetch *f)
{
	if (!imap_skip(p, ' '))
		return true;
	if (!imap_char(p, '('))
		return false;
	do {
		if (imap_word(p, "CHANGEDSINCE")) {
			if (!imap_space(p) || !imap_number64(p, &f->rows.changed_since))
				return false;
			f->rows.changed_only = true;
		} else if (imap_word(p, "VANISHED")) {
			f->vanished = true;
		} else {
			return imap_expected(p, "CHANGEDSINCE or VANISHED");
		}
	} while (imap_skip(p, ' '));
	if (f->vanished && (!s->by_uid || !f->rows.changed_only || !imap_has(s, IMAP_QRESYNC)))
		return imap_expected(p, "UID FETCH, CHANGEDSINCE and QRESYNC with VANISHED");
	return imap_char(p, ')');
}

/* UIDs of the set as the client wrote it that are gone since (RFC 7162 section 3.2.6). */
static void tell_vanished(struct imap_session *s, const struct fetch *f, struct slice set_text)
{
	struct mail_set asked = {0};
	if (mail_set_parse(&asked, set_text, mail_view_uid_next(s->selected->view)))
		imap_tell_vanished(s, f->rows.changed_since, &asked);
	mail_set_free(&asked);
}

enum imap_run imap_cmd_fetch(struct imap_session *s, struct imap_parser *p)
{
	struct err err;
	struct fetch *f = ALLOC(struct fetch);
	f->going = (struct imap_going){.resume = fetch_resume, .free = fetch_free};
	imap_fetch_rows_init(&f->rows);
	f->message.whole = BUF(SIZE_MAX);
	s->going = &f->going;
	s->keep_expunged = !s->by_uid;
	struct slice set_text = slice_from(p->rest, 1);
	if (!imap_space(p) || !imap_message_set(s, p, &f->rows.uids))
		return imap_bad(s, p);
	set_text.len -= p->rest.len;
	if (!imap_space(p) || !imap_fetch_items(p, &f->request) || !parse_modifiers(s, p, f) ||
		!imap_end(p))
		return imap_bad(s, p);
	if (s->by_uid)
		imap_fetch_add(p, &f->request, IMAP_FETCH_UID, "UID");
	if (f->rows.changed_only)
		imap_fetch_add(p, &f->request, IMAP_FETCH_MODSEQ, "MODSEQ");
	if (f->request.has_modseq)
		(void)imap_enable(s, IMAP_CONDSTORE);
	if (f->vanished)
		tell_vanished(s, f, set_text);
	if (f->request.sets_seen && !s->selected->read_only && set_seen(s, f, &err) < 0)
		return imap_failed(s, &err);
	return fetch_resume(s, &f->going, 0);
}
