/* Set operations on keywords; names compare without case. */
#ifndef MAIL_KEYWORDS_INTERNAL_H
#define MAIL_KEYWORDS_INTERNAL_H

#include "mail/mail.h"

bool mail_keywords_equal(const struct mail_keywords *a, const struct mail_keywords *b);
/* Names of `a`, and those of `b` that a lacks; `ret_names` has room for both. Returns the count. */
uint32_t mail_keywords_join(
	const struct mail_keywords *a, const struct mail_keywords *b, struct slice *ret_names);
/* Names of `a` that `b` lacks. */
uint32_t mail_keywords_without(
	const struct mail_keywords *a, const struct mail_keywords *b, struct slice *ret_names);
int mail_keyword_cmp(struct slice a, struct slice b);

/* Numbers for keyword sets, so that a row holds a number instead of names: equal sets share one,
 * from 1 on. Sets are only added and never move: whoever got a number may read its set without a
 * lock. Shared by the successive views of a mailbox. */
struct keyword_table;
struct keyword_table *keyword_table_new(void);
struct keyword_table *keyword_table_ref(struct keyword_table *table);
void keyword_table_unref(struct keyword_table *table);
/* 0 for the empty set. Copies. */
uint32_t keyword_table_intern(struct keyword_table *table, const struct mail_keywords *keywords);
const struct mail_keywords *keyword_table_get(const struct keyword_table *table, uint32_t number);
uint32_t keyword_table_count(struct keyword_table *table);

#endif
