/* STORE, conditional too (RFC 7162 section 3.1.3). */
#include "imap/session_internal.h"
#include "mail/change.h"

struct request {
	struct mail_store_request store;
	bool silent;
};

static bool parse_modifier(struct imap_session *s, struct imap_parser *p, struct request *q)
{
	if (!imap_at(p, '('))
		return true;
	if (!imap_char(p, '(') || !imap_word(p, "UNCHANGEDSINCE"))
		return imap_expected(p, "UNCHANGEDSINCE");
	if (!imap_space(p) || !imap_number64(p, &q->store.unchanged_since) || !imap_char(p, ')') ||
		!imap_space(p))
		return false;
	q->store.conditional = true;
	(void)imap_enable(s, IMAP_CONDSTORE);
	return true;
}

static bool parse_item(struct imap_parser *p, struct request *q)
{
	q->store.mode = imap_skip(p, '+')   ? MAIL_STORE_ADD
			: imap_skip(p, '-') ? MAIL_STORE_REMOVE
					    : MAIL_STORE_SET;
	if (imap_word(p, "FLAGS.SILENT"))
		q->silent = true;
	else if (!imap_word(p, "FLAGS"))
		return imap_expected(p, "FLAGS or FLAGS.SILENT");
	return imap_space(p) && imap_flags(p, true, &q->store.flags, &q->store.keywords);
}

/* The client knows the flags, but with CONDSTORE it has to learn the new MODSEQ. */
static void keep_quiet(struct imap_session *s, struct mail_set *changed, uint64_t change)
{
	struct imap_selected *box = s->selected;
	for (uint32_t i = 0; i < changed->count && imap_has(s, IMAP_CONDSTORE); i++)
		for (uint32_t uid = changed->ranges[i].first; uid <= changed->ranges[i].last;
			uid++) {
			uint32_t seq = mail_view_seq(box->view, uid);
			if (seq)
				net_printf(s->net, "* %u FETCH (UID %u MODSEQ (%llu))\r\n", seq,
					uid, (unsigned long long)change);
		}
	mail_set_free(&box->quiet);
	box->quiet = *changed;
	box->quiet_modseq = change;
	*changed = (struct mail_set){0};
}

/* "MODIFIED 7,9": in the numbers that the client used. */
static const char *modified_code(struct imap_session *s, const struct mail_set *failed)
{
	AUTO(buf_free) struct buf text = BUF(SIZE_MAX);
	struct mail_set seqs = {0};
	if (failed->count == 0)
		return NULL;
	for (uint32_t i = 0; i < failed->count && !s->by_uid; i++)
		for (uint32_t uid = failed->ranges[i].first; uid <= failed->ranges[i].last; uid++) {
			uint32_t seq = mail_view_seq(s->selected->view, uid);
			if (seq)
				mail_set_add(&seqs, seq, seq);
		}
	mail_set_write(s->by_uid ? failed : &seqs, &text);
	mail_set_free(&seqs);
	return arena_printf(&s->arena, "MODIFIED %s", buf_cstr(&text));
}

static enum imap_run store(struct imap_session *s, struct request *q)
{
	struct mail_set changed = {0}, failed = {0};
	uint64_t change = 0;
	struct err err;
	int r = mail_store_flags(imap_mail(s), imap_account(s), s->selected->mailbox, &q->store,
		&changed, &failed, &change, &err);
	enum imap_run run;
	if (r == 0 && q->silent)
		keep_quiet(s, &changed, change);
	if (r < 0)
		run = imap_failed(s, &err);
	else
		run = imap_ok(s, modified_code(s, &failed),
			failed.count ? "Some were changed by others meanwhile" : "Stored");
	mail_set_free(&changed);
	mail_set_free(&failed);
	return run;
}

enum imap_run imap_cmd_store(struct imap_session *s, struct imap_parser *p)
{
	struct request q = {0};
	s->keep_expunged = !s->by_uid;
	enum imap_run run;
	if (imap_space(p) && imap_message_set(s, p, &q.store.uids) && imap_space(p) &&
		parse_modifier(s, p, &q) && parse_item(p, &q) && imap_end(p))
		run = store(s, &q);
	else
		run = imap_bad(s, p);
	mail_set_free(&q.store.uids);
	return run;
}
