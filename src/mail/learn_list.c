/* Accounts in which something may wait to be learnt, in memory. It is of bounded size: what finds
 * no room is found by a scan. */
#include "mail/learn.h"
#include "mail/mail_internal.h"

#include "base/alloc.h"

#include <pthread.h>

enum { ENTRIES = 1024 };

struct learn_list {
	pthread_mutex_t lock;
	struct {
		struct id account;
		int64_t due;
	} entries[ENTRIES];
	size_t count;
	bool missed;
};

struct learn_list *learn_list_new(void)
{
	struct learn_list *list = ALLOC(struct learn_list);
	(void)pthread_mutex_init(&list->lock, NULL);
	return list;
}

void learn_list_free(struct learn_list *list)
{
	if (list)
		(void)pthread_mutex_destroy(&list->lock);
	free(list);
}

static void add(struct learn_list *list, struct id account, int64_t due)
{
	for (size_t i = 0; i < list->count; i++)
		if (id_eq(list->entries[i].account, account)) {
			list->entries[i].due = MIN(list->entries[i].due, due);
			return;
		}
	if (list->count == ENTRIES) {
		list->missed = true;
		return;
	}
	list->entries[list->count].account = account;
	list->entries[list->count++].due = due;
}

void mail_learn_expect(struct mail *mail, struct id account, int64_t due)
{
	struct learn_list *list = mail->lessons;
	if (!list)
		return;
	(void)pthread_mutex_lock(&list->lock);
	add(list, account, due);
	(void)pthread_mutex_unlock(&list->lock);
}

bool mail_learn_take(struct mail *mail, int64_t now, struct id *ret_account)
{
	struct learn_list *list = mail->lessons;
	bool found = false;
	if (!list)
		return false;
	(void)pthread_mutex_lock(&list->lock);
	for (size_t i = 0; i < list->count && !found; i++) {
		if (list->entries[i].due > now)
			continue;
		*ret_account = list->entries[i].account;
		list->entries[i] = list->entries[--list->count];
		found = true;
	}
	(void)pthread_mutex_unlock(&list->lock);
	return found;
}

bool mail_learn_missed(struct mail *mail)
{
	struct learn_list *list = mail->lessons;
	if (!list)
		return false;
	(void)pthread_mutex_lock(&list->lock);
	bool missed = list->missed;
	list->missed = false;
	(void)pthread_mutex_unlock(&list->lock);
	return missed;
}
