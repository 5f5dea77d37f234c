/* SEARCH's keys as a program for mail/search.h. */
#include "imap/search_internal.h"

#include "message/charset.h"

/* What stands behind a key. */
enum argument { NOTHING, TEXT, DATE, NUMBER, SECONDS };

static const struct key {
	const char *name;
	enum mail_search_op op;
	enum argument argument;
	uint64_t number; /* flag bits */
	bool negated;
	const char *header; /* MAIL_SEARCH_HEADER */
} KEYS[] = {
	{.name = "ALL", .op = MAIL_SEARCH_ALL},
	{.name = "ANSWERED", .op = MAIL_SEARCH_FLAG, .number = MAIL_ANSWERED},
	{.name = "BCC", .op = MAIL_SEARCH_HEADER, .argument = TEXT, .header = "Bcc"},
	{.name = "BEFORE", .op = MAIL_SEARCH_BEFORE, .argument = DATE},
	{.name = "BODY", .op = MAIL_SEARCH_BODY, .argument = TEXT},
	{.name = "CC", .op = MAIL_SEARCH_HEADER, .argument = TEXT, .header = "Cc"},
	{.name = "DELETED", .op = MAIL_SEARCH_FLAG, .number = MAIL_DELETED},
	{.name = "DRAFT", .op = MAIL_SEARCH_FLAG, .number = MAIL_DRAFT},
	{.name = "EMAILID", .op = MAIL_SEARCH_EMAIL_ID, .argument = TEXT},
	{.name = "FLAGGED", .op = MAIL_SEARCH_FLAG, .number = MAIL_FLAGGED},
	{.name = "FROM", .op = MAIL_SEARCH_HEADER, .argument = TEXT, .header = "From"},
	{.name = "KEYWORD", .op = MAIL_SEARCH_KEYWORD, .argument = TEXT},
	{.name = "LARGER", .op = MAIL_SEARCH_LARGER, .argument = NUMBER},
	{.name = "OLD", .op = MAIL_SEARCH_RECENT, .negated = true},
	{.name = "OLDER", .op = MAIL_SEARCH_OLDER, .argument = SECONDS},
	{.name = "ON", .op = MAIL_SEARCH_ON, .argument = DATE},
	{.name = "RECENT", .op = MAIL_SEARCH_RECENT},
	{.name = "SAVEDBEFORE", .op = MAIL_SEARCH_SAVED_BEFORE, .argument = DATE},
	{.name = "SAVEDON", .op = MAIL_SEARCH_SAVED_ON, .argument = DATE},
	{.name = "SAVEDSINCE", .op = MAIL_SEARCH_SAVED_SINCE, .argument = DATE},
	{.name = "SAVEDATESUPPORTED", .op = MAIL_SEARCH_ALL},
	{.name = "SEEN", .op = MAIL_SEARCH_FLAG, .number = MAIL_SEEN},
	{.name = "SENTBEFORE", .op = MAIL_SEARCH_SENT_BEFORE, .argument = DATE},
	{.name = "SENTON", .op = MAIL_SEARCH_SENT_ON, .argument = DATE},
	{.name = "SENTSINCE", .op = MAIL_SEARCH_SENT_SINCE, .argument = DATE},
	{.name = "SINCE", .op = MAIL_SEARCH_SINCE, .argument = DATE},
	{.name = "SMALLER", .op = MAIL_SEARCH_SMALLER, .argument = NUMBER},
	{.name = "SUBJECT", .op = MAIL_SEARCH_HEADER, .argument = TEXT, .header = "Subject"},
	{.name = "TEXT", .op = MAIL_SEARCH_TEXT, .argument = TEXT},
	{.name = "TO", .op = MAIL_SEARCH_HEADER, .argument = TEXT, .header = "To"},
	{.name = "UNANSWERED", .op = MAIL_SEARCH_FLAG, .number = MAIL_ANSWERED, .negated = true},
	{.name = "UNDELETED", .op = MAIL_SEARCH_FLAG, .number = MAIL_DELETED, .negated = true},
	{.name = "UNDRAFT", .op = MAIL_SEARCH_FLAG, .number = MAIL_DRAFT, .negated = true},
	{.name = "UNFLAGGED", .op = MAIL_SEARCH_FLAG, .number = MAIL_FLAGGED, .negated = true},
	{.name = "UNKEYWORD", .op = MAIL_SEARCH_KEYWORD, .argument = TEXT, .negated = true},
	{.name = "UNSEEN", .op = MAIL_SEARCH_FLAG, .number = MAIL_SEEN, .negated = true},
	{.name = "YOUNGER", .op = MAIL_SEARCH_YOUNGER, .argument = SECONDS},
};

static struct mail_search *node(
	struct imap_search_parse *q, struct imap_parser *p, enum mail_search_op op)
{
	if (++q->nodes > MAIL_SEARCH_NODES_MAX) {
		(void)imap_expected(p, "a shorter search");
		return NULL;
	}
	struct mail_search *n = ARENA_NEW(p->arena, struct mail_search);
	n->op = op;
	return n;
}

static struct mail_search *over(struct imap_search_parse *q, struct imap_parser *p,
	enum mail_search_op op, struct mail_search *child)
{
	struct mail_search *n = child ? node(q, p, op) : NULL;
	if (n)
		n->children = child;
	return n;
}

static struct mail_search *one_key(struct imap_search_parse *q, struct imap_parser *p, int depth);

/* Search strings come in the command's charset. */
static bool search_text(struct imap_search_parse *q, struct imap_parser *p, struct slice *ret_text)
{
	if (!imap_space(p) || !imap_astring(p, ret_text))
		return false;
	if (!q->charset.ptr || slice_eq_nocase(q->charset, SLICE("UTF-8")))
		return utf8_is_valid(*ret_text) || imap_expected(p, "text in UTF-8");
	AUTO(buf_free) struct buf converted = BUF(4 * IMAP_COMMAND_MAX_TEXT);
	if (!charset_to_utf8(q->charset, *ret_text, &converted))
		return imap_expected(p, "text in the charset given");
	*ret_text = arena_copy(p->arena, buf_slice(&converted));
	return true;
}

static bool argument_of(struct imap_search_parse *q, struct imap_parser *p, const struct key *key,
	struct mail_search *n)
{
	uint32_t number;
	switch (key->argument) {
	case NOTHING:
		return true;
	case TEXT:
		return search_text(q, p, &n->text);
	case DATE:
		return imap_space(p) && imap_date(p, &n->day);
	case NUMBER:
		return imap_space(p) && imap_number64(p, &n->number);
	case SECONDS:
		if (!imap_space(p) || !imap_number(p, &number))
			return false;
		n->number = number;
		return number > 0 || imap_expected(p, "a number above 0");
	}
	return false;
}

static struct mail_search *table_key(struct imap_search_parse *q, struct imap_parser *p)
{
	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
		const struct key *key = &KEYS[i];
		if (!imap_word(p, key->name))
			continue;
		struct mail_search *n = node(q, p, key->op);
		if (!n)
			return NULL;
		n->number = key->op == MAIL_SEARCH_RECENT ? q->recent_from : key->number;
		n->name = slice_str(key->header);
		if (!argument_of(q, p, key, n))
			return NULL;
		return key->negated ? over(q, p, MAIL_SEARCH_NOT, n) : n;
	}
	return NULL;
}

static struct mail_search *set_key(
	struct imap_search_parse *q, struct imap_parser *p, enum mail_search_op op)
{
	struct slice text;
	struct mail_search *n = node(q, p, op);
	if (!n || !imap_set_text(p, &text))
		return NULL;
	if (slice_eq(text, SLICE("$"))) {
		n->op = MAIL_SEARCH_UID;
		n->set = *q->found; /* borrowed */
		return n;
	}
	q->sets[q->set_count++] = &n->set; /* also when it is only parsed in part */
	if (!mail_set_parse(&n->set, text, op == MAIL_SEARCH_UID ? q->largest_uid : q->count)) {
		(void)imap_expected(p, "a message set");
		return NULL;
	}
	return n;
}

/* NEW is RECENT UNSEEN. */
static struct mail_search *new_key(struct imap_search_parse *q, struct imap_parser *p)
{
	struct mail_search *recent = node(q, p, MAIL_SEARCH_RECENT);
	struct mail_search *seen = node(q, p, MAIL_SEARCH_FLAG);
	if (!recent || !seen)
		return NULL;
	recent->number = q->recent_from;
	seen->number = MAIL_SEEN;
	recent->next = over(q, p, MAIL_SEARCH_NOT, seen);
	return recent->next ? over(q, p, MAIL_SEARCH_AND, recent) : NULL;
}

static struct mail_search *header_key(struct imap_search_parse *q, struct imap_parser *p)
{
	struct mail_search *n = node(q, p, MAIL_SEARCH_HEADER);
	if (!n || !imap_space(p) || !imap_astring(p, &n->name) || !search_text(q, p, &n->text))
		return NULL;
	return n;
}

/* MODSEQ ["/flags/name" all|priv|shared] n: one MODSEQ serves all of a message here. */
static struct mail_search *modseq_key(struct imap_search_parse *q, struct imap_parser *p)
{
	struct slice entry, type;
	struct mail_search *n = node(q, p, MAIL_SEARCH_MODSEQ);
	if (!n || !imap_space(p))
		return NULL;
	if (imap_at(p, '"') && (!imap_string(p, &entry, NULL) || !imap_space(p) ||
				       !imap_atom(p, &type) || !imap_space(p)))
		return NULL;
	if (!imap_number64(p, &n->number))
		return NULL;
	q->modseq = true;
	return n;
}

/* THREADID, which no message has here: nothing is found (RFC 8474 section 5.3). */
static struct mail_search *thread_key(struct imap_search_parse *q, struct imap_parser *p)
{
	struct slice id;
	if (!imap_space(p) || !imap_astring(p, &id))
		return NULL;
	return over(q, p, MAIL_SEARCH_NOT, node(q, p, MAIL_SEARCH_ALL));
}

static struct mail_search *or_key(struct imap_search_parse *q, struct imap_parser *p, int depth)
{
	struct mail_search *left, *right;
	if (!imap_space(p) || !(left = one_key(q, p, depth)) || !imap_space(p) ||
		!(right = one_key(q, p, depth)))
		return NULL;
	left->next = right;
	return over(q, p, MAIL_SEARCH_OR, left);
}

static struct mail_search *keys(struct imap_search_parse *q, struct imap_parser *p, int depth)
{
	struct mail_search *all = node(q, p, MAIL_SEARCH_AND);
	if (!all)
		return NULL;
	struct mail_search **last = &all->children;
	do {
		*last = one_key(q, p, depth);
		if (!*last)
			return NULL;
		last = &(*last)->next;
	} while (imap_skip(p, ' '));
	return all;
}

static struct mail_search *one_key(struct imap_search_parse *q, struct imap_parser *p, int depth)
{
	struct mail_search *n;
	if (depth == MAIL_SEARCH_DEPTH_MAX || q->set_count == IMAP_SEARCH_SETS_MAX) {
		(void)imap_expected(p, "a simpler search");
		return NULL;
	}
	if (imap_skip(p, '(')) {
		n = keys(q, p, depth + 1);
		return n && imap_char(p, ')') ? n : NULL;
	}
	if (p->rest.len > 0 && strchr("0123456789*$", p->rest.ptr[0]))
		return set_key(q, p, MAIL_SEARCH_SEQ);
	if (imap_word(p, "NOT")) {
		n = imap_space(p) ? one_key(q, p, depth + 1) : NULL;
		return n ? over(q, p, MAIL_SEARCH_NOT, n) : NULL;
	}
	if (imap_word(p, "OR"))
		return or_key(q, p, depth + 1);
	if (imap_word(p, "UID"))
		return imap_space(p) ? set_key(q, p, MAIL_SEARCH_UID) : NULL;
	if (imap_word(p, "NEW"))
		return new_key(q, p);
	if (imap_word(p, "HEADER"))
		return header_key(q, p);
	if (imap_word(p, "MODSEQ"))
		return modseq_key(q, p);
	if (imap_word(p, "THREADID"))
		return thread_key(q, p);
	n = table_key(q, p);
	if (!n)
		(void)imap_expected(p, "a search key");
	return n;
}

struct mail_search *imap_search_keys(struct imap_search_parse *q, struct imap_parser *p)
{
	struct mail_search *all = keys(q, p, 0);
	return all && imap_end(p) ? all : NULL;
}

void imap_search_free(struct imap_search_parse *q)
{
	for (size_t i = 0; i < q->set_count; i++)
		mail_set_free(q->sets[i]);
}
