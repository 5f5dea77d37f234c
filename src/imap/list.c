/* Laying out an account's names, and matching patterns against them. */
#include "imap/list_internal.h"

/* Order in which the separator sorts before everything else, so that a subtree is contiguous. */
static int tree_cmp(struct slice a, struct slice b)
{
	size_t n = MIN(a.len, b.len);
	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];
		if (x == y)
			continue;
		if (x == MAIL_SEPARATOR || y == MAIL_SEPARATOR)
			return x == MAIL_SEPARATOR ? -1 : 1;
		return x < y ? -1 : 1;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

static int node_cmp(const void *a, const void *b)
{
	const struct imap_list_node *x = a, *y = b;
	return tree_cmp(x->name, y->name);
}

static bool is_below(struct slice name, struct slice parent)
{
	return name.len > parent.len && name.ptr[parent.len] == MAIL_SEPARATOR &&
	       slice_starts(name, parent);
}

bool imap_list_is_below(const struct imap_list *list, size_t i, size_t parent)
{
	return is_below(list->nodes[i].name, list->nodes[parent].name);
}

/* Adds the parents of a name; doubles are folded later. */
static size_t add_parents(struct imap_list_node *nodes, size_t count, struct slice name)
{
	for (size_t i = name.len; i-- > 1;)
		if (name.ptr[i] == MAIL_SEPARATOR)
			nodes[count++] = (struct imap_list_node){.name = slice(name.ptr, i)};
	return count;
}

static size_t levels(struct slice name)
{
	size_t n = 1;
	for (size_t i = 0; i < name.len; i++)
		n += name.ptr[i] == MAIL_SEPARATOR;
	return n;
}

/* Nodes of one name become one, which knows all that was known of them. */
static void fold(struct imap_list *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct imap_list_node *node = &list->nodes[i];
		struct imap_list_node *last = kept ? &list->nodes[kept - 1] : NULL;
		if (last && slice_eq(last->name, node->name)) {
			last->subscribed |= node->subscribed;
			if (node->mailbox)
				last->mailbox = node->mailbox;
			continue;
		}
		list->nodes[kept++] = *node;
	}
	list->count = kept;
}

/* Children count when they are mailboxes, or lead to some. */
static void mark_parents(struct imap_list *list)
{
	for (size_t i = 0; i + 1 < list->count; i++)
		for (size_t j = i + 1; j < list->count && imap_list_is_below(list, j, i); j++)
			if (list->nodes[j].mailbox) {
				list->nodes[i].has_children = true;
				break;
			}
}

int imap_list_load(struct imap_session *s, struct imap_list *ret_list, struct err *err)
{
	struct mail_mailbox *boxes;
	struct slice *subscribed;
	size_t box_count, subscribed_count, room = 0;
	if (mail_mailbox_list(imap_mail(s), imap_account(s), &s->arena, &boxes, &box_count, err) <
			0 ||
		mail_list_subscriptions(imap_mail(s), imap_account(s), &s->arena, &subscribed,
			&subscribed_count, err) < 0)
		return -1;
	for (size_t i = 0; i < box_count; i++)
		room += levels(boxes[i].name);
	struct imap_list list = {0};
	list.nodes = ARENA_ARRAY(&s->arena, struct imap_list_node, room + subscribed_count);
	for (size_t i = 0; i < box_count; i++) {
		list.nodes[list.count++] =
			(struct imap_list_node){.name = boxes[i].name, .mailbox = &boxes[i]};
		list.count = add_parents(list.nodes, list.count, boxes[i].name);
	}
	for (size_t i = 0; i < subscribed_count; i++)
		list.nodes[list.count++] =
			(struct imap_list_node){.name = subscribed[i], .subscribed = true};
	qsort(list.nodes, list.count, sizeof(*list.nodes), node_cmp);
	fold(&list);
	mark_parents(&list);
	*ret_list = list;
	return 0;
}

/* Two-pointer matching with one point to come back to per kind of wildcard: a "%" that fails falls
 * back to the last "*". */
bool imap_list_match(struct slice pattern, struct slice name)
{
	size_t p = 0, n = 0;
	size_t star_p = SIZE_MAX, star_n = 0, percent_p = SIZE_MAX, percent_n = 0;
	if (slice_starts_nocase(pattern, SLICE("INBOX")) && slice_starts(name, SLICE("INBOX")))
		p = n = 5;
	for (;;) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star_p = ++p;
			star_n = n;
			percent_p = SIZE_MAX;
		} else if (p < pattern.len && pattern.ptr[p] == '%') {
			percent_p = ++p;
			percent_n = n;
		} else if (n == name.len && p == pattern.len) {
			return true;
		} else if (n < name.len && p < pattern.len && pattern.ptr[p] == name.ptr[n]) {
			p++;
			n++;
		} else if (percent_p != SIZE_MAX && percent_n < name.len &&
			   name.ptr[percent_n] != MAIL_SEPARATOR) {
			n = ++percent_n;
			p = percent_p;
		} else if (star_p != SIZE_MAX && star_n < name.len) {
			n = ++star_n;
			p = star_p;
			percent_p = SIZE_MAX;
		} else {
			return false;
		}
	}
}
