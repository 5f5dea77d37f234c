/* Rules of merging, over the records of docs/formats/mail.md. */
#include "mail/merge.h"

#include "base/alloc.h"
#include "mail/keywords_internal.h"
#include "mail/record_internal.h"

enum {
	NAMES_ROOM = 2 * MAIL_KEYWORDS_MAX, /* of two full sets */
};
/* As a mailbox's UIDVALIDITY until complete() has given it one. */
#define WANTS_FRESH UINT32_MAX

/* Bit by bit: where the two differ one has changed it, and that one is not as it was. */
static unsigned merge_bits(unsigned was, unsigned first, unsigned second)
{
	return (first & second) | ((first | second) & ~was);
}

struct three_sets {
	const struct mail_keywords *was, *first, *second;
};

static bool has(const struct three_sets *sets, struct slice name)
{
	return merge_bits(mail_keywords_has(sets->was, name), mail_keywords_has(sets->first, name),
		mail_keywords_has(sets->second, name));
}

/* `mine` is the later of first and second, and may spell names in its own way. */
static void merge_keywords(const struct three_sets *sets, const struct mail_keywords *mine,
	struct slice ret_names[NAMES_ROOM], struct mail_keywords *ret_keywords)
{
	const struct mail_keywords *other = mine == sets->first ? sets->second : sets->first;
	uint32_t count = mail_keywords_join(mine, other, ret_names), kept = 0;
	uint32_t room = MAIL_KEYWORDS_MAX; /* for names that only the other side has */
	for (uint32_t i = 0; i < mine->count; i++)
		room -= has(sets, mine->names[i]);
	for (uint32_t i = 0; i < count; i++) {
		struct slice name = ret_names[i];
		bool is_mine = mail_keywords_has(mine, name);
		if (!has(sets, name) || (!is_mine && room == 0))
			continue;
		room -= !is_mine;
		ret_names[kept++] = name;
	}
	*ret_keywords = (struct mail_keywords){.count = kept, .names = ret_names};
}

static bool read_was(const struct store_object *was, struct mail_record *ret_record)
{
	if (was)
		return mail_record_read(was->data, ret_record);
	*ret_record = (struct mail_record){0};
	return true;
}

static void merge_message(const struct store_object *was, const struct store_object *first,
	const struct store_object *second, struct arena *arena, struct store_object *to)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_RECORD_MAX);
	struct mail_record base, a, b;
	struct slice names[NAMES_ROOM];
	if (!read_was(was, &base) || !mail_record_read(first->data, &a) ||
		!mail_record_read(second->data, &b))
		return;
	struct mail_record *merged = slice_eq(to->data, first->data) ? &a : &b;
	struct three_sets sets = {&base.keywords, &a.keywords, &b.keywords};
	struct mail_keywords keywords;
	merge_keywords(&sets, &merged->keywords, names, &keywords);
	merged->keywords = keywords;
	merged->flags = (uint8_t)merge_bits(base.flags, a.flags, b.flags);
	mail_record_write(merged, &data);
	to->data = arena_copy(arena, buf_slice(&data));
}

static void write_mailbox(
	const struct mail_box_record *record, struct arena *arena, struct store_collection *to)
{
	AUTO(buf_free) struct buf data = BUF(MAIL_BOX_RECORD_MAX);
	mail_box_record_write(record, &data);
	to->data = arena_copy(arena, buf_slice(&data));
}

static void merge_mailbox(const struct store_collection *was, const struct store_collection *first,
	const struct store_collection *second, struct arena *arena, struct store_collection *to)
{
	struct mail_box_record base = {0}, a, b, merged;
	if ((was && !mail_box_record_read(was->data, &base)) ||
		!mail_box_record_read(first->data, &a) || !mail_box_record_read(second->data, &b) ||
		!mail_box_record_read(to->data, &merged))
		return;
	merged.uses = merge_bits(base.uses, a.uses, b.uses);
	/* They differ after a merge that only one side heard of. */
	merged.uid_validity = MAX(a.uid_validity, b.uid_validity);
	write_mailbox(&merged, arena, to);
}

/* RFC 9051 section 2.3.1.1: UIDs that mean something else need a larger UIDVALIDITY. Which one is
 * said by complete(), which sees all mailboxes. */
static void join_mailboxes(
	const struct store_collection *other, struct arena *arena, struct store_collection *to)
{
	struct mail_box_record a, b;
	if (!mail_box_record_read(to->data, &a) || !mail_box_record_read(other->data, &b))
		return;
	a.uses |= b.uses;
	if (a.uid_validity <= b.uid_validity)
		a.uid_validity = WANTS_FRESH;
	write_mailbox(&a, arena, to);
}

static void revive_mailbox(struct arena *arena, struct store_collection *to)
{
	struct mail_box_record box;
	if (!mail_box_record_read(to->data, &box))
		return;
	box.uid_validity = WANTS_FRESH;
	write_mailbox(&box, arena, to);
}

/* What can't be read is not counted; nothing that changes it later can read it either. */
static void count_messages(const struct store_object *const *objects, size_t count,
	struct arena *arena, struct store_collection *to)
{
	struct mail_box_record box;
	struct mail_record message;
	if (!mail_box_record_read(to->data, &box))
		return;
	box.unseen = box.deleted = 0;
	for (size_t i = 0; i < count; i++) {
		if (!mail_record_read(objects[i]->data, &message))
			continue;
		box.unseen += !(message.flags & MAIL_SEEN);
		box.deleted += (message.flags & MAIL_DELETED) != 0;
	}
	write_mailbox(&box, arena, to);
}

/* All mailboxes that want a UIDVALIDITY get the next numbers of the account's mail settings (as in
 * box.c). Odd ones: the second node gives out such while apart, and it is the first to hear of a
 * merge (docs/mirror.md). */
static void complete(struct store_collection *const *all, size_t count, struct arena *arena)
{
	struct store_collection *settings = NULL;
	struct mail_box_record box;
	for (size_t i = 0; i < count; i++)
		if (all[i]->kind == STORE_SETTINGS && slice_eq(all[i]->name, MAIL_SETTINGS))
			settings = all[i];
	if (!settings)
		return;
	for (size_t i = 0; i < count; i++) {
		if (all[i]->kind != STORE_MAILBOX || !mail_box_record_read(all[i]->data, &box) ||
			box.uid_validity != WANTS_FRESH)
			continue;
		box.uid_validity = settings->next_number | 1;
		settings->next_number = box.uid_validity + 1;
		write_mailbox(&box, arena, all[i]);
	}
}

const struct store_merge_rule mail_merge_rules[] = {
	{.kind = STORE_MAILBOX,
		.names_in = STORE_SUBSCRIPTIONS,
		.merge = merge_message,
		.merge_collection = merge_mailbox,
		.join = join_mailboxes,
		.revive = revive_mailbox,
		.count = count_messages,
		.complete = complete},
	{.kind = STORE_SUBSCRIPTIONS, .later_only = true},
	{.kind = STORE_LEARN, .later_only = true},
	{0},
};
