/* What left a mailbox: tombstones newer than a change number. They come in the order of their
 * changes, so UIDs are collected and sorted once. */
#include "mail/changes.h"
#include "mail/mail_internal.h"

#include "base/alloc.h"

struct gone {
	uint32_t *uids;
	size_t count, room;
};

static bool collect(void *context, const struct store_change *change)
{
	struct gone *gone = context;
	if (!change->gone)
		return true;
	if (gone->count == gone->room) {
		gone->room = gone->room ? gone->room * 2 : 64;
		gone->uids = alloc_resize(gone->uids, gone->room, sizeof(*gone->uids));
	}
	gone->uids[gone->count++] = change->number;
	return true;
}

static int compare_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

int mail_vanished(struct mail *mail, struct id account, struct id mailbox, uint64_t since,
	struct mail_set *ret_uids, struct err *err)
{
	struct gone gone = {0};
	int r = store_scan_changes(mail->store, account, mailbox, since, collect, &gone, err);
	if (r == 0 && gone.count > 0) {
		qsort(gone.uids, gone.count, sizeof(*gone.uids), compare_uids);
		for (size_t i = 0; i < gone.count; i++)
			mail_set_add(ret_uids, gone.uids[i], gone.uids[i]);
	}
	free(gone.uids);
	return r == STORE_ABSENT ? MAIL_ABSENT : r;
}

struct leaving {
	uint32_t uid;
	bool left;
};

/* The tombstone of a number that an object gave up has no id: the object lives. */
static bool see_leave(void *context, const struct store_change *change)
{
	struct leaving *leaving = context;
	if (change->number != leaving->uid)
		return true;
	leaving->left = change->gone && !id_is_none(change->id);
	return false;
}

int mail_has_left(struct mail *mail, struct id account, struct id mailbox, uint64_t since,
	uint32_t uid, bool *ret_left, struct err *err)
{
	struct leaving leaving = {.uid = uid};
	int r = store_scan_changes(mail->store, account, mailbox, since, see_leave, &leaving, err);
	*ret_left = leaving.left;
	return r < 0 ? r : 0;
}
