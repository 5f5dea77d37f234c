/* Answers: tagged lines, strings, flags; and the table that turns errors into IMAP's words. */
#include "imap/session_internal.h"
#include "message/utf7.h"

struct buf *imap_out(struct imap_session *s)
{
	return net_output(s->net);
}

static enum imap_run tagged(
	struct imap_session *s, const char *word, const char *code, const char *text)
{
	struct buf *out = net_output(s->net);
	buf_add_slice(out, s->tag);
	buf_add_byte(out, ' ');
	buf_add_str(out, word);
	if (code)
		buf_printf(out, " [%s]", code);
	buf_add_byte(out, ' ');
	buf_add_str(out, text);
	buf_add_str(out, "\r\n");
	return IMAP_DONE;
}

/* The client was told of changes that are later than an EXPUNGE that it was not. Should it remember
 * the highest MODSEQ, and the connection break, QRESYNC would never tell it: so it is told what to
 * remember, behind them (RFC 7162 section 3.2). */
static const char *lower_modseq(struct imap_session *s, const char *code)
{
	unsigned long long modseq = s->selected->all_told;
	if (!code)
		return arena_printf(&s->arena, "HIGHESTMODSEQ %llu", modseq);
	net_printf(s->net, "* OK [HIGHESTMODSEQ %llu] Not all is told\r\n", modseq);
	return code;
}

/* What changed meanwhile is told in front of the tagged answer. */
static enum imap_run answer(
	struct imap_session *s, const char *word, const char *code, const char *text)
{
	struct err err;
	int r = s->selected ? imap_sync(s, s->keep_expunged, &err) : 0;
	if (r < 0)
		log_warn(net_log(s->net), "mailbox news not available", F_ERR(&err));
	if (r == IMAP_DELAYS && imap_has(s, IMAP_QRESYNC))
		code = lower_modseq(s, code);
	return tagged(s, word, code, text);
}

enum imap_run imap_ok(struct imap_session *s, const char *code, const char *text)
{
	return answer(s, "OK", code, text);
}

enum imap_run imap_no(struct imap_session *s, const char *code, const char *text)
{
	return answer(s, "NO", code, text);
}

enum imap_run imap_bad_text(struct imap_session *s, const char *text)
{
	return tagged(s, "BAD", NULL, text);
}

enum imap_run imap_bad(struct imap_session *s, const struct imap_parser *p)
{
	return imap_bad_text(
		s, arena_printf(&s->arena, "Expected %s", p->error ? p->error : "something else"));
}

/* RFC 5530 and RFC 9208 response codes. */
static const struct {
	enum err_kind kind;
	const char *code;
} CODES[] = {
	{ERR_BAD_INPUT, "CANNOT"},
	{ERR_ABSENT, "NONEXISTENT"},
	{ERR_EXISTS, "ALREADYEXISTS"},
	{ERR_DENIED, "NOPERM"},
	{ERR_OVER_QUOTA, "OVERQUOTA"},
	{ERR_LIMIT, "LIMIT"},
	{ERR_DAMAGED, "CORRUPTION"},
	{ERR_IN_USE, "INUSE"},
};

enum imap_run imap_failed(struct imap_session *s, const struct err *err)
{
	const char *code = NULL;
	for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
		if (CODES[i].kind == err->kind)
			code = CODES[i].code;
	if (err->class != ERR_PERMANENT && err->kind != ERR_DAMAGED)
		code = err->class == ERR_BUG ? "SERVERBUG" : "UNAVAILABLE";
	if (err->class != ERR_PERMANENT)
		log_error(net_log(s->net), "command failed",
			F_STR("command", s->name ? s->name : ""), F_ERR(err),
			F_STR("origin", err->origin ? err->origin : ""));
	return imap_no(s, code, arena_printf(&s->arena, "%s", err->text));
}

/* RFC 9051 quoted: no CR, LF, NUL; 8-bit only when the client takes UTF-8. */
static bool can_be_quoted(struct slice text, bool utf8)
{
	if (text.len > 1000)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c == '\r' || c == '\n' || c == '\0' || (c >= 0x80 && !utf8))
			return false;
	}
	return true;
}

void imap_write_string(struct imap_session *s, struct slice text)
{
	struct buf *out = net_output(s->net);
	if (!text.ptr) {
		buf_add_str(out, "NIL");
		return;
	}
	if (!can_be_quoted(text, imap_has(s, IMAP_REV2))) {
		buf_printf(out, "{%zu}\r\n", text.len);
		buf_add_slice(out, text);
		return;
	}
	buf_add_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, text.ptr[i]);
	}
	buf_add_byte(out, '"');
}

void imap_write_mailbox(struct imap_session *s, struct slice name)
{
	AUTO(buf_free) struct buf encoded = BUF(8 * MAIL_NAME_MAX);
	if (!imap_has(s, IMAP_REV2) && utf7_from_utf8(name, &encoded)) {
		name = slice(encoded.data ? encoded.data : "", encoded.len);
	}
	bool atom = name.len > 0 && !slice_eq_nocase(name, SLICE("NIL"));
	for (size_t i = 0; i < name.len && atom; i++)
		atom = imap_is_atom_char(name.ptr[i]);
	if (atom)
		buf_add_slice(net_output(s->net), name);
	else
		imap_write_string(s, name);
}

void imap_write_flags(
	struct buf *to, uint8_t flags, const struct mail_keywords *keywords, bool recent)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} NAMES[] = {
		{MAIL_ANSWERED, "\\Answered"},
		{MAIL_FLAGGED, "\\Flagged"},
		{MAIL_DELETED, "\\Deleted"},
		{MAIL_SEEN, "\\Seen"},
		{MAIL_DRAFT, "\\Draft"},
	};
	const char *gap = "(";
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (flags & NAMES[i].flag) {
			buf_add_str(to, gap);
			buf_add_str(to, NAMES[i].name);
			gap = " ";
		}
	for (uint32_t i = 0; keywords && i < keywords->count; i++) {
		buf_add_str(to, gap);
		buf_add_slice(to, keywords->names[i]);
		gap = " ";
	}
	if (recent) {
		buf_add_str(to, gap);
		buf_add_str(to, "\\Recent");
		gap = " ";
	}
	buf_add_str(to, *gap == '(' ? "()" : ")");
}

void imap_write_keywords_news(struct imap_session *s, const struct mail_view *view)
{
	struct imap_selected *box = s->selected;
	struct mail_keywords all;
	mail_view_all_keywords(view, &s->arena, &all);
	bool news = false;
	for (uint32_t i = 0; i < all.count && !news; i++)
		news = !mail_keywords_has(&box->told, all.names[i]);
	if (!news)
		return;
	free((void *)box->told.names);
	box->told = mail_keywords_copy(&all);
	struct buf *out = net_output(s->net);
	uint8_t system = MAIL_ANSWERED | MAIL_FLAGGED | MAIL_DELETED | MAIL_SEEN | MAIL_DRAFT;
	buf_add_str(out, "* FLAGS ");
	imap_write_flags(out, system, &all, false);
	buf_add_str(out, "\r\n");
}
