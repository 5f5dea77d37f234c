/* LIST with selection and return options (RFC 5258, 5819, 6154), and LSUB.
 *
 * All names of the account are laid out as one sorted array of nodes: mailboxes, subscribed names
 * that are no mailbox, and the parents that only children imply. Each pattern is then matched
 * against each node. */
#include "imap/list_internal.h"
#include "imap/status_internal.h"

enum { PATTERNS_MAX = 50 };

struct request {
	struct slice reference;
	struct slice patterns[PATTERNS_MAX];
	size_t pattern_count;
	bool only_subscribed, recursive, only_special;               /* selection */
	bool tell_subscribed, tell_children, tell_uses, tell_status; /* return */
	bool extended, lsub;
	unsigned status_items;
};

static bool parse_selection(struct imap_parser *p, struct request *q)
{
	if (!imap_skip(p, '('))
		return true;
	q->extended = true;
	if (!imap_skip(p, ')')) {
		do {
			if (imap_word(p, "SUBSCRIBED"))
				q->only_subscribed = q->tell_subscribed = true;
			else if (imap_word(p, "RECURSIVEMATCH"))
				q->recursive = true;
			else if (imap_word(p, "SPECIAL-USE"))
				q->only_special = q->tell_uses = true;
			else if (!imap_word(p, "REMOTE"))
				return imap_expected(p, "a LIST selection option");
		} while (imap_skip(p, ' '));
		if (!imap_char(p, ')'))
			return false;
	}
	if (q->recursive && !q->only_subscribed && !q->only_special)
		return imap_expected(p, "another selection option beside RECURSIVEMATCH");
	return imap_space(p);
}

static bool parse_patterns(struct imap_parser *p, struct request *q)
{
	bool list = imap_skip(p, '(');
	q->extended |= list;
	do {
		if (q->pattern_count == PATTERNS_MAX)
			return imap_expected(p, "fewer patterns");
		if (!imap_list_mailbox(p, &q->patterns[q->pattern_count++]))
			return false;
	} while (list && imap_skip(p, ' '));
	return !list || imap_char(p, ')');
}

static bool parse_return(struct imap_parser *p, struct request *q)
{
	if (!imap_skip(p, ' '))
		return true;
	q->extended = true;
	if (!imap_word(p, "RETURN") || !imap_space(p) || !imap_char(p, '('))
		return imap_expected(p, "RETURN and a list");
	if (imap_skip(p, ')'))
		return true;
	do {
		if (imap_word(p, "SUBSCRIBED"))
			q->tell_subscribed = true;
		else if (imap_word(p, "CHILDREN"))
			q->tell_children = true;
		else if (imap_word(p, "SPECIAL-USE"))
			q->tell_uses = true;
		else if (imap_word(p, "STATUS"))
			q->tell_status = true;
		else
			return imap_expected(p, "a LIST return option");
		if (q->tell_status && q->status_items == 0 &&
			(!imap_space(p) || !imap_status_items(p, &q->status_items)))
			return false;
	} while (imap_skip(p, ' '));
	return imap_char(p, ')');
}

static void write_attributes(
	struct imap_session *s, const struct request *q, const struct imap_list_node *node)
{
	struct buf *out = imap_out(s);
	const char *gap = "";
	bool nonexistent = !q->lsub && (q->extended || imap_has(s, IMAP_REV2));
	const struct {
		bool on;
		const char *name;
	} attributes[] = {
		{!node->mailbox && nonexistent, "\\NonExistent"},
		{!node->mailbox && !nonexistent, "\\Noselect"},
		{node->has_children && !q->lsub, "\\HasChildren"},
		{!node->has_children && !q->lsub, "\\HasNoChildren"},
		{node->subscribed && q->tell_subscribed && !q->lsub, "\\Subscribed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (attributes[i].on) {
			buf_printf(out, "%s%s", gap, attributes[i].name);
			gap = " ";
		}
	for (unsigned bit = 1; node->mailbox && !q->lsub && bit <= MAIL_USE_IMPORTANT; bit <<= 1)
		if (node->mailbox->uses & bit) {
			buf_printf(out, "%s%s", gap, mail_use_name((enum mail_use)bit));
			gap = " ";
		}
}

static void write_node(struct imap_session *s, const struct request *q,
	const struct imap_list_node *node, bool child_info)
{
	buf_printf(imap_out(s), "* %s (", q->lsub ? "LSUB" : "LIST");
	write_attributes(s, q, node);
	buf_add_str(imap_out(s), ") \"/\" ");
	imap_write_mailbox(s, node->name);
	if (child_info)
		buf_printf(imap_out(s), " (\"CHILDINFO\" (\"%s\"))",
			q->only_subscribed ? "SUBSCRIBED" : "SPECIAL-USE");
	buf_add_str(imap_out(s), "\r\n");
	if (q->tell_status && node->mailbox)
		imap_write_status(s, node->mailbox, q->status_items);
}

static bool is_selected(const struct request *q, const struct imap_list_node *node)
{
	if (q->only_subscribed && !node->subscribed)
		return false;
	if (q->only_special && !(node->mailbox && node->mailbox->uses))
		return false;
	if (!q->only_subscribed && !node->mailbox && !node->has_children)
		return false; /* subscribed only, and nobody asked */
	return true;
}

static bool matches(const struct request *q, struct slice name)
{
	for (size_t i = 0; i < q->pattern_count; i++)
		if (imap_list_match(q->patterns[i], name))
			return true;
	return false;
}

/* With RECURSIVEMATCH, and for LSUB with "%": a name is told when a selected one is below it. */
static bool has_selected_below(const struct request *q, const struct imap_list *list, size_t at)
{
	for (size_t i = at + 1; i < list->count && imap_list_is_below(list, i, at); i++)
		if (is_selected(q, &list->nodes[i]) && !matches(q, list->nodes[i].name))
			return true;
	return false;
}

static void put_reference_in_front(struct imap_session *s, struct request *q)
{
	for (size_t i = 0; i < q->pattern_count; i++) {
		struct slice pattern = q->patterns[i];
		if (q->reference.len == 0)
			continue;
		q->patterns[i] = slice_str(arena_printf(
			&s->arena, "%.*s%.*s", SLICE_ARG(q->reference), SLICE_ARG(pattern)));
	}
}

static enum imap_run run_list(struct imap_session *s, struct request *q)
{
	struct imap_list list;
	struct err err;
	/* LIST "" "" asks for the separator only. */
	if (!q->extended && q->pattern_count == 1 && q->patterns[0].len == 0) {
		net_printf(s->net, "* %s (\\Noselect) \"/\" \"\"\r\n", q->lsub ? "LSUB" : "LIST");
		return imap_ok(s, NULL, "Done");
	}
	put_reference_in_front(s, q);
	imap_catch_up(s);
	int r = imap_list_load(s, &list, &err);
	imap_catch_up(s);
	if (r < 0)
		return imap_failed(s, &err);
	for (size_t i = 0; i < list.count; i++) {
		const struct imap_list_node *node = &list.nodes[i];
		if (!matches(q, node->name))
			continue;
		bool below = (q->recursive || q->lsub) && has_selected_below(q, &list, i);
		if (is_selected(q, node))
			write_node(s, q, node, below && q->recursive);
		else if (below)
			write_node(s, q, node, q->recursive);
	}
	return imap_ok(s, NULL, "Done");
}

enum imap_run imap_cmd_list(struct imap_session *s, struct imap_parser *p)
{
	struct request q = {0};
	if (!imap_space(p) || !parse_selection(p, &q) || !imap_mailbox(p, &q.reference) ||
		!imap_space(p) || !parse_patterns(p, &q) || !parse_return(p, &q) || !imap_end(p))
		return imap_bad(s, p);
	return run_list(s, &q);
}

enum imap_run imap_cmd_lsub(struct imap_session *s, struct imap_parser *p)
{
	struct request q = {.lsub = true, .only_subscribed = true};
	if (!imap_space(p) || !imap_mailbox(p, &q.reference) || !imap_space(p) ||
		!imap_list_mailbox(p, &q.patterns[0]) || !imap_end(p))
		return imap_bad(s, p);
	q.pattern_count = 1;
	return run_list(s, &q);
}
