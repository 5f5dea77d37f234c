/* Telling a client what changed in the mailbox it has selected, and turning the numbers it sends
 * into UIDs. */
#include "imap/session_internal.h"
#include "mail/changes.h"

struct news {
	struct imap_session *s;
	const struct mail_view *to;
	struct mail_set vanished;
	bool by_vanished;
};

static void tell_gone(void *context, uint32_t seq, const struct mail_row *row)
{
	struct news *n = context;
	if (n->by_vanished)
		mail_set_add(&n->vanished, row->uid, row->uid);
	else
		net_printf(n->s->net, "* %u EXPUNGE\r\n", seq);
}

static void tell_changed(void *context, uint32_t seq, const struct mail_row *row)
{
	struct news *n = context;
	struct imap_selected *box = n->s->selected;
	if (row->gone)
		return;
	if (row->modseq == box->quiet_modseq && mail_set_has(&box->quiet, row->uid))
		return;
	struct buf *out = net_output(n->s->net);
	buf_printf(out, "* %u FETCH (", seq);
	if (n->s->by_uid || imap_has(n->s, IMAP_QRESYNC) || imap_has(n->s, IMAP_REV2))
		buf_printf(out, "UID %u ", row->uid);
	buf_add_str(out, "FLAGS ");
	imap_write_flags(out, row->flags, mail_view_keywords(n->to, row->keywords),
		row->uid >= box->recent_from && !imap_has(n->s, IMAP_REV2));
	if (imap_has(n->s, IMAP_CONDSTORE))
		buf_printf(out, " MODSEQ (%llu)", (unsigned long long)row->modseq);
	buf_add_str(out, ")\r\n");
}

static void tell_vanished(struct news *n)
{
	if (n->vanished.count > 0) {
		AUTO(buf_free) struct buf uids = BUF(SIZE_MAX);
		mail_set_write(&n->vanished, &uids);
		net_write_str(n->s->net, "* VANISHED ");
		net_write(n->s->net, buf_slice(&uids));
		net_write_str(n->s->net, "\r\n");
	}
	mail_set_free(&n->vanished);
}

static uint32_t count_from(const struct mail_view *view, uint32_t uid)
{
	return mail_view_count(view) + 1 - mail_view_seq_from(view, uid);
}

static void tell_counts(
	struct imap_session *s, const struct mail_view *from, const struct mail_view *to)
{
	struct imap_selected *box = s->selected;
	/* A message that came and went between two views also makes the count worth telling. */
	if (mail_view_uid_next(from) == mail_view_uid_next(to) &&
		mail_view_count(from) >= mail_view_count(to))
		return;
	if (!box->read_only)
		(void)mail_recent_from(
			imap_mail(s), imap_account(s), box->mailbox, mail_view_uid_next(to), true);
	net_printf(s->net, "* %u EXISTS\r\n", mail_view_count(to));
	if (!imap_has(s, IMAP_REV2))
		net_printf(s->net, "* %u RECENT\r\n", count_from(to, box->recent_from));
}

int imap_sync(struct imap_session *s, bool keep_expunged, struct err *err)
{
	struct imap_selected *box = s->selected;
	struct mail_view *now;
	if (!box)
		return 0;
	int r = mail_view_open(imap_mail(s), imap_account(s), box->mailbox, &now, err);
	if (r < 0)
		return r;
	if (r == MAIL_ABSENT) {
		net_write_str(s->net, "* BYE The mailbox was deleted\r\n");
		s->shutting_down = true;
		return 0;
	}
	if (now == box->view) {
		mail_view_unref(now);
		return 0;
	}
	imap_catch_up(s);
	bool delays = false;
	if (keep_expunged) {
		struct mail_view *merged = mail_view_merge(box->view, now);
		delays = merged != now;
		mail_view_unref(now);
		now = merged;
	}
	struct news n = {.s = s, .to = now, .by_vanished = imap_has(s, IMAP_QRESYNC)};
	imap_write_keywords_news(s, now);
	mail_view_diff(box->view, now, tell_gone, NULL, &n);
	tell_vanished(&n);
	tell_counts(s, box->view, now);
	mail_view_diff(box->view, now, NULL, tell_changed, &n);
	mail_view_unref(box->view);
	box->view = now;
	mail_set_free(&box->quiet);
	box->quiet_modseq = 0;
	if (delays)
		return IMAP_DELAYS;
	box->all_told = mail_view_change(now);
	return 0;
}

/* What is in both; one walk over the ranges of each. */
static void intersect(const struct mail_set *a, const struct mail_set *b, struct mail_set *ret_both)
{
	for (uint32_t i = 0, j = 0; i < a->count && j < b->count;) {
		uint32_t first = MAX(a->ranges[i].first, b->ranges[j].first);
		uint32_t last = MIN(a->ranges[i].last, b->ranges[j].last);
		if (first <= last)
			mail_set_add(ret_both, first, last);
		if (a->ranges[i].last < b->ranges[j].last)
			i++;
		else
			j++;
	}
}

/* Those of a range that the client does not have any more. What it still counts is told by VANISHED
 * without EARLIER, at the end of the command. */
static void add_without_view(
	struct mail_set *set, const struct mail_view *view, uint32_t first, uint32_t last)
{
	uint32_t count = mail_view_count(view);
	for (uint32_t seq = mail_view_seq_from(view, first); seq <= count; seq++) {
		uint32_t uid = mail_view_row(view, seq)->uid;
		if (uid > last)
			break;
		if (uid > first)
			mail_set_add(set, first, uid - 1);
		first = uid + 1;
	}
	if (first <= last)
		mail_set_add(set, first, last);
}

void imap_tell_vanished(struct imap_session *s, uint64_t since, const struct mail_set *asked)
{
	struct mail_set left = {0}, gone = {0}, both = {0};
	struct err err;
	if (mail_vanished(imap_mail(s), imap_account(s), s->selected->mailbox, since, &left, &err) <
		0)
		log_warn(net_log(s->net), "expunged messages not known", F_ERR(&err));
	for (uint32_t i = 0; i < left.count; i++)
		add_without_view(
			&gone, s->selected->view, left.ranges[i].first, left.ranges[i].last);
	if (asked)
		intersect(&gone, asked, &both);
	const struct mail_set *told = asked ? &both : &gone;
	if (told->count > 0) {
		struct buf *out = imap_out(s);
		buf_add_str(out, "* VANISHED (EARLIER) ");
		mail_set_write(told, out);
		buf_add_str(out, "\r\n");
	}
	mail_set_free(&both);
	mail_set_free(&gone);
	mail_set_free(&left);
}

/* Sequence numbers as UIDs of the view. */
static bool from_seqs(
	struct imap_session *s, struct imap_parser *p, struct slice text, struct mail_set *uids)
{
	const struct mail_view *view = s->selected->view;
	uint32_t count = mail_view_count(view);
	struct mail_set seqs = {0};
	bool good = mail_set_parse(&seqs, text, count);
	if (!good)
		(void)imap_expected(p, "a message set");
	for (uint32_t i = 0; good && i < seqs.count; i++) {
		if (seqs.ranges[i].last > count) {
			good = imap_expected(p, "numbers of messages that exist");
			break;
		}
		for (uint32_t seq = seqs.ranges[i].first; seq <= seqs.ranges[i].last; seq++) {
			const struct mail_row *row = mail_view_row(view, seq);
			if (!row->gone)
				mail_set_add(uids, row->uid, row->uid);
		}
	}
	mail_set_free(&seqs);
	return good;
}

static bool from_uids(
	struct imap_session *s, struct imap_parser *p, struct slice text, struct mail_set *uids)
{
	const struct mail_view *view = s->selected->view;
	uint32_t count = mail_view_count(view);
	struct mail_set asked = {0};
	bool good = mail_set_parse(&asked, text, count ? mail_view_row(view, count)->uid : 0);
	if (!good)
		(void)imap_expected(p, "a set of UIDs");
	for (uint32_t i = 0; good && i < asked.count; i++) {
		uint32_t seq = mail_view_seq_from(view, asked.ranges[i].first);
		for (; seq <= count; seq++) {
			const struct mail_row *row = mail_view_row(view, seq);
			if (row->uid > asked.ranges[i].last)
				break;
			if (!row->gone)
				mail_set_add(uids, row->uid, row->uid);
		}
	}
	mail_set_free(&asked);
	return good;
}

bool imap_message_set(struct imap_session *s, struct imap_parser *p, struct mail_set *ret_uids)
{
	struct slice text;
	*ret_uids = (struct mail_set){0};
	if (!imap_set_text(p, &text))
		return false;
	if (slice_eq(text, SLICE("$"))) {
		const struct mail_set *found = &s->selected->found;
		for (uint32_t i = 0; i < found->count; i++) {
			uint32_t first = found->ranges[i].first, last = found->ranges[i].last;
			for (uint32_t uid = first; uid <= last && uid >= first; uid++) {
				uint32_t seq = mail_view_seq(s->selected->view, uid);
				if (seq && !mail_view_row(s->selected->view, seq)->gone)
					mail_set_add(ret_uids, uid, uid);
			}
		}
		return true;
	}
	bool good = s->by_uid ? from_uids(s, p, text, ret_uids) : from_seqs(s, p, text, ret_uids);
	if (!good)
		mail_set_free(ret_uids);
	return good;
}
