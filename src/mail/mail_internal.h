/* What one struct mail is made of. */
#ifndef MAIL_MAIL_INTERNAL_H
#define MAIL_MAIL_INTERNAL_H

#include "mail/mail.h"

struct view_cache;
struct recent_table;
struct quota_table;
struct learn_list;
struct delivered_table;

struct mail {
	struct store *store;
	uint64_t message_max;
	struct view_cache *views;
	struct recent_table *recents;
	struct quota_table *quotas;
	struct delivered_table *delivered;
	struct learn_list *lessons; /* NULL: nothing is learnt */
};

/* An account and something in it: how tables in memory are keyed. */
struct mail_key {
	struct id account, mailbox;
};

struct view_cache *view_cache_new(uint32_t capacity);
void view_cache_free(struct view_cache *cache);
struct recent_table *recent_table_new(void);
void recent_table_free(struct recent_table *table);
struct quota_table *quota_table_new(void);
void quota_table_free(struct quota_table *table);
struct delivered_table *delivered_table_new(void);
void delivered_table_free(struct delivered_table *table);
struct learn_list *learn_list_new(void);
void learn_list_free(struct learn_list *list); /* NULL is fine */

#endif
