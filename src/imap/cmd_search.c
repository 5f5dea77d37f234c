/* SEARCH: plain answers (RFC 3501), ESEARCH (RFC 4731), and the saved result "$" (RFC 5182). */
#include "imap/search_internal.h"
#include "imap/session_internal.h"

#include "message/charset.h"

enum want { MIN_ = 1, MAX_ = 2, ALL_ = 4, COUNT_ = 8, SAVE_ = 16 };

static const struct {
	const char *name;
	enum want bit;
} RETURNS[] = {
	{"MIN", MIN_},
	{"MAX", MAX_},
	{"ALL", ALL_},
	{"COUNT", COUNT_},
	{"SAVE", SAVE_},
};

struct request {
	unsigned want; /* 0: the plain answer */
	struct imap_search_parse parse;
};

static bool parse_return(struct imap_parser *p, struct request *q)
{
	if (!imap_word(p, "RETURN"))
		return true;
	if (!imap_space(p) || !imap_char(p, '('))
		return false;
	if (!imap_skip(p, ')')) {
		do {
			size_t i = 0;
			while (i < ARRAY_LEN(RETURNS) && !imap_word(p, RETURNS[i].name))
				i++;
			if (i == ARRAY_LEN(RETURNS))
				return imap_expected(p, "MIN, MAX, ALL, COUNT or SAVE");
			q->want |= RETURNS[i].bit;
		} while (imap_skip(p, ' '));
		if (!imap_char(p, ')'))
			return false;
	}
	if (q->want == 0)
		q->want = ALL_;
	return imap_space(p);
}

static uint32_t number_of(
	struct imap_session *s, const struct mail_search_result *found, uint32_t i)
{
	uint32_t seq = found->seqs[i];
	return s->by_uid ? mail_view_row(s->selected->view, seq)->uid : seq;
}

static void write_set(struct imap_session *s, const struct mail_search_result *found)
{
	struct mail_set set = {0};
	for (uint32_t i = 0; i < found->count; i++) {
		uint32_t n = number_of(s, found, i);
		mail_set_add(&set, n, n);
	}
	mail_set_write(&set, imap_out(s));
	mail_set_free(&set);
}

/* RFC 7162 section 3.1.10: with MIN and MAX alone, of just these messages. */
static uint64_t modseq_told(
	struct imap_session *s, const struct request *q, const struct mail_search_result *found)
{
	const struct mail_view *view = s->selected->view;
	uint64_t modseq = 0;
	if (q->want & (ALL_ | COUNT_))
		return found->highest_modseq;
	if (q->want & MIN_)
		modseq = mail_view_row(view, found->seqs[0])->modseq;
	if (q->want & MAX_)
		modseq = MAX(modseq, mail_view_row(view, found->seqs[found->count - 1])->modseq);
	return modseq;
}

static void write_esearch(
	struct imap_session *s, const struct request *q, const struct mail_search_result *found)
{
	struct buf *out = imap_out(s);
	if ((q->want & ~(unsigned)SAVE_) == 0)
		return; /* only saved: nothing to tell (RFC 5182 section 2) */
	buf_add_str(out, "* ESEARCH (TAG ");
	imap_write_string(s, s->tag);
	buf_add_str(out, s->by_uid ? ") UID" : ")");
	if ((q->want & MIN_) && found->count)
		buf_printf(out, " MIN %u", number_of(s, found, 0));
	if ((q->want & MAX_) && found->count)
		buf_printf(out, " MAX %u", number_of(s, found, found->count - 1));
	if ((q->want & ALL_) && found->count) {
		buf_add_str(out, " ALL ");
		write_set(s, found);
	}
	if (q->want & COUNT_)
		buf_printf(out, " COUNT %u", found->count);
	if (q->parse.modseq && found->count)
		buf_printf(out, " MODSEQ %llu", (unsigned long long)modseq_told(s, q, found));
	buf_add_str(out, "\r\n");
}

static void write_plain(
	struct imap_session *s, const struct request *q, const struct mail_search_result *found)
{
	struct buf *out = imap_out(s);
	buf_add_str(out, "* SEARCH");
	for (uint32_t i = 0; i < found->count; i++) {
		buf_add_byte(out, ' ');
		buf_add_u64(out, number_of(s, found, i));
	}
	if (q->parse.modseq && found->count)
		buf_printf(out, " (MODSEQ %llu)", (unsigned long long)found->highest_modseq);
	buf_add_str(out, "\r\n");
}

/* What "$" is from now on (RFC 5182 section 2.1: MIN and MAX alone save just these). */
static void save(
	struct imap_session *s, const struct request *q, const struct mail_search_result *found)
{
	struct mail_set *set = &s->selected->found;
	mail_set_free(set);
	bool ends_only = (q->want & (MIN_ | MAX_)) && !(q->want & (ALL_ | COUNT_));
	for (uint32_t i = 0; i < found->count; i++) {
		bool first = i == 0 && (q->want & MIN_);
		bool last = i == found->count - 1 && (q->want & MAX_);
		if (ends_only && !first && !last)
			continue;
		uint32_t uid = mail_view_row(s->selected->view, found->seqs[i])->uid;
		mail_set_add(set, uid, uid);
	}
}

static enum imap_run search(
	struct imap_session *s, struct request *q, const struct mail_search *program)
{
	struct mail_search_result found = {0};
	struct err err;
	if (q->parse.modseq)
		(void)imap_enable(s, IMAP_CONDSTORE);
	if (mail_search_run(imap_mail(s), imap_account(s), s->selected->mailbox, s->selected->view,
		    program, NULL, NULL, &found, &err) < 0) {
		if (q->want & SAVE_)
			mail_set_free(&s->selected->found);
		return imap_failed(s, &err);
	}
	if (q->want)
		write_esearch(s, q, &found);
	else
		write_plain(s, q, &found);
	if (q->want & SAVE_)
		save(s, q, &found);
	free(found.seqs);
	return imap_ok(s, NULL, "Searched");
}

enum imap_run imap_cmd_search(struct imap_session *s, struct imap_parser *p)
{
	const struct mail_view *view = s->selected->view;
	uint32_t count = mail_view_count(view);
	struct request q = {.parse = {
				    .count = count,
				    .largest_uid = count ? mail_view_row(view, count)->uid : 0,
				    .recent_from = s->selected->recent_from,
				    .found = &s->selected->found,
			    }};
	s->keep_expunged = !s->by_uid;
	if (!imap_space(p) || !parse_return(p, &q))
		return imap_bad(s, p);
	if (imap_has(s, IMAP_REV2) && q.want == 0)
		q.want = ALL_; /* RFC 9051 section 6.4.4: ESEARCH always */
	if (imap_word(p, "CHARSET")) {
		if (!imap_space(p) || !imap_astring(p, &q.parse.charset) || !imap_space(p))
			return imap_bad(s, p);
		if (!charset_is_known(q.parse.charset) && (q.want & SAVE_))
			mail_set_free(&s->selected->found);
		if (!charset_is_known(q.parse.charset))
			return imap_no(s, "BADCHARSET (UTF-8 US-ASCII)", "Unknown charset");
	}
	struct mail_search *program = imap_search_keys(&q.parse, p);
	enum imap_run run = program ? search(s, &q, program) : imap_bad(s, p);
	imap_search_free(&q.parse);
	return run;
}
