/* Which messages are \Recent: a table of bounded size in memory. A mailbox that is not in it counts
 * as never looked at (RFC 3501 section 2.3.2: what can't be told is recent), so forgetting one is
 * harmless. A mailbox has its place in one group of slots; a full group forgets in turn. */
#include "mail/mail_internal.h"
#include "mail/view.h"

#include "base/alloc.h"
#include "base/bytes.h"

#include <pthread.h>

enum { GROUPS = 8192, GROUP_SLOTS = 8, LOCKS = 64 };

struct slot {
	struct mail_key key;
	uint32_t from; /* 0: the slot is free */
};

struct group {
	struct slot slots[GROUP_SLOTS];
	uint32_t turn;
};

struct recent_table {
	pthread_mutex_t locks[LOCKS]; /* of the groups whose index ends so */
	struct group *groups;
};

struct recent_table *recent_table_new(void)
{
	struct recent_table *table = ALLOC(struct recent_table);
	table->groups = alloc_zero(GROUPS, sizeof(*table->groups));
	for (unsigned i = 0; i < LOCKS; i++)
		(void)pthread_mutex_init(&table->locks[i], NULL);
	return table;
}

void recent_table_free(struct recent_table *table)
{
	for (unsigned i = 0; i < LOCKS; i++)
		(void)pthread_mutex_destroy(&table->locks[i]);
	free(table->groups);
	free(table);
}

static struct slot *find(struct group *group, const struct mail_key *key)
{
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (group->slots[i].from && memcmp(&group->slots[i].key, key, sizeof(*key)) == 0)
			return &group->slots[i];
	return NULL;
}

static struct slot *make_room(struct group *group)
{
	for (unsigned i = 0; i < GROUP_SLOTS; i++)
		if (!group->slots[i].from)
			return &group->slots[i];
	return &group->slots[group->turn++ % GROUP_SLOTS];
}

uint32_t mail_recent_from(
	struct mail *mail, struct id account, struct id mailbox, uint32_t uid_next, bool take)
{
	struct mail_key key = {account, mailbox};
	uint64_t index = bytes_hash(slice(&key, sizeof(key))) % GROUPS;
	struct group *group = &mail->recents->groups[index];
	pthread_mutex_t *lock = &mail->recents->locks[index % LOCKS];
	(void)pthread_mutex_lock(lock);
	struct slot *slot = find(group, &key);
	uint32_t from = slot ? slot->from : 1;
	if (take && uid_next > from) {
		if (!slot)
			slot = make_room(group);
		*slot = (struct slot){.key = key, .from = uid_next};
	}
	(void)pthread_mutex_unlock(lock);
	return from;
}
